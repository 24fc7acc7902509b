"""Mark the trainable weights of an encoder and its head."""

from asr.families.ctc.model.model import CtcModel
from asr.families.ctc.tokens.description import OF_WAVEFORMS
from asr.families.ctc.training.params import CtcTrainParams
from asr.training.adapter import add_adapter
from asr.training.params import TrainParams

# Attention and feed-forward of every kind of encoder.
LORA_MODULES = (
    r".*encoder\.layers\..*\.(q_proj|k_proj|v_proj|o_proj|out_proj|fc1|fc2|linear1|linear2|"
    r"linear_q|linear_k|linear_v|linear_out|intermediate_dense|output_dense)"
)
# What comes before the layers: convolutions on samples or log-mels, and what follows them.
BEFORE_LAYERS = ("conv", "subsampling.", "feature_", "masked_spec_embed", "encoder.pos_conv_embed.")


def make_trainable(model: CtcModel, params: TrainParams, own: CtcTrainParams) -> None:
    """Mark the weights to train: all, the head's, or an adapter's and the head's."""
    network, encoder = model.network, model.encoder
    if params.tune == "lora":
        add_adapter(model, params.lora, LORA_MODULES)
    else:
        encoder.requires_grad_(params.tune == "full")
    getattr(network, model.head_name).requires_grad_(True)
    if hasattr(encoder, "embed_positions"):
        encoder.embed_positions.requires_grad_(False)  # fixed sinusoids of Whisper
    if model.description.kind in OF_WAVEFORMS and own.freeze_feature_encoder:
        network.freeze_feature_encoder()
    # One SpecAugment, that of train.spec_augment; and each layer in every step, since a gradient
    # that is missing in one process would be a zero in the mean.
    encoder.config.apply_spec_augment = False
    encoder.config.layerdrop = encoder.layerdrop = 0.0
    if params.gradient_checkpointing:
        encoder.activation_checkpointing_enable()
    model.train()


def weight_groups(model: CtcModel) -> dict[str, list[str]]:
    """Groups of weights that ``train.phases`` can name: head, and halves of the encoder."""
    prefix = f"network.{model.encoder_name}."
    lower = [f"network.{model.layers_name}.{n}." for n in range(len(model.layers) // 2)]
    return {
        "head": [f"network.{model.head_name}."],
        "encoder.lower": [*(prefix + name for name in BEFORE_LAYERS), *lower],
        "encoder.upper": [prefix],
    }
