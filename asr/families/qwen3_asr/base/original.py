"""QwenLM's own form of a Qwen3-ASR, as on the hub without ``-hf``: other names, nested config.

The package ``qwen-asr`` reads it; transformers has ``convert_qwen3_asr_to_hf.py`` for it.
"""

from collections.abc import Mapping
from typing import Any

# In this order: the last two apply to what the third makes.
RENAMES = (
    ("thinker.model.", "model.language_model."),
    ("thinker.lm_head.", "lm_head."),
    ("thinker.", "model."),
    ("model.audio_tower.proj1.", "model.multi_modal_projector.linear_1."),
    ("model.audio_tower.proj2.", "model.multi_modal_projector.linear_2."),
)
# The keys of transformers' own configs; the others are defaults of every config, or of models with
# experts.
AUDIO_KEYS = (
    "num_mel_bins", "encoder_layers", "encoder_attention_heads", "encoder_ffn_dim", "d_model",
    "dropout", "attention_dropout", "activation_function", "activation_dropout", "scale_embedding",
    "initializer_range", "n_window", "output_dim", "n_window_infer", "downsample_hidden_size",
)  # fmt: skip
TEXT_KEYS = (
    "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
    "num_key_value_heads", "head_dim", "hidden_act", "max_position_embeddings", "rms_norm_eps",
    "initializer_range", "tie_word_embeddings", "attention_bias", "attention_dropout",
)  # fmt: skip


def is_original(config: Mapping[str, Any]) -> bool:
    """Whether a ``config.json`` is in QwenLM's own form."""
    return "thinker_config" in config


def renamed(name: str) -> str:
    """The name of a weight in transformers' class; one that has it already stays."""
    for old, new in RENAMES:
        if name.startswith(old):
            name = new + name.removeprefix(old)
    return name


def flat_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of transformers' config.

    Raises:
        KeyError: if a part of the config is missing.
    """
    thinker = config["thinker_config"]
    audio, text = thinker["audio_config"], thinker["text_config"]
    theta = text["rope_theta"] if "rope_theta" in text else text["rope_scaling"]["rope_theta"]
    return {
        "audio_config": {key: audio[key] for key in AUDIO_KEYS if key in audio},
        "text_config": {
            **{key: text[key] for key in TEXT_KEYS if key in text},
            "model_type": "qwen3",
            # Positions in three dimensions (M-RoPE) are all the same for audio: plain ones.
            "rope_parameters": {"rope_type": "default", "rope_theta": theta},
        },
        "audio_token_id": thinker["audio_token_id"],
    }
