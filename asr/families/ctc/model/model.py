"""An encoder and its head in one network, and the model folder that holds them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import (
    AutoFeatureExtractor,
    HubertForCTC,
    ParakeetForCTC,
    Wav2Vec2BertForCTC,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2ForCTC,
)
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from asr.core.errors import InputError
from asr.families.ctc.model.batch import Inputs, Masks
from asr.families.ctc.tokens.description import (
    OF_WAVEFORMS,
    WHISPER,
    Description,
    read_description,
    write_description,
)
from asr.families.ctc.tokens.vocabulary import (
    BLANK,
    BOUNDARY,
    SPECIAL,
    UNKNOWN,
    Vocabulary,
    read_vocabulary,
    write_vocabulary,
)
from asr.networks.transformers_folder import check_finite, load_whole
from asr.networks.whisper_encoder import encode_mel

CLASSES: dict[str, Any] = {
    "wav2vec2": Wav2Vec2ForCTC,
    "hubert": HubertForCTC,
    "wav2vec2-bert": Wav2Vec2BertForCTC,
    "parakeet_ctc": ParakeetForCTC,
}
HEADS = {WHISPER: "head", "parakeet_ctc": "ctc_head"}  # of the others it is ``lm_head``
ENCODER, HEAD = "encoder", "head.safetensors"  # in a folder with Whisper's encoder


class WhisperCtc(nn.Module):
    """Whisper's encoder and a linear layer."""

    def __init__(self, encoder: Any, num_tokens: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.config.d_model, num_tokens)


class CtcModel(nn.Module):
    """A network that maps clips to logits, with what is needed to feed and to read it.

    Attributes:
        network: ``WhisperCtc``, or a model of transformers.
        extractor: transformers' feature extractor; None with Whisper's encoder.
        vocabulary: the labels of the head.
        description: which encoder it is.
    """

    def __init__(
        self, network: Any, extractor: Any, vocabulary: Vocabulary, description: Description
    ) -> None:
        super().__init__()
        self.network = network
        self.extractor, self.vocabulary, self.description = extractor, vocabulary, description

    @property
    def head_name(self) -> str:
        """Name of the head in ``network``."""
        return HEADS.get(self.description.kind, "lm_head")

    @property
    def encoder_name(self) -> str:
        """Name of all but the head in ``network``."""
        return self.description.kind.replace("-", "_") if self._has_features else "encoder"

    @property
    def _has_features(self) -> bool:
        """Whether the transformer is a part of its encoder, beside what makes its input."""
        return self.description.kind not in HEADS

    @property
    def encoder(self) -> Any:
        """All but the head."""
        return getattr(self.network, self.encoder_name)

    @property
    def layers_name(self) -> str:
        """Name of the transformer's layers in ``network``."""
        return f"{self.encoder_name}.encoder.layers" if self._has_features else "encoder.layers"

    @property
    def layers(self) -> Sequence[nn.Module]:
        """The transformer's layers."""
        return list(self.network.get_submodule(self.layers_name))

    @property
    def num_mels(self) -> int:
        """Bins of Whisper's log-mel; 0 with another encoder."""
        return int(self.encoder.num_mel_bins) if self.description.kind == WHISPER else 0

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return next(self.network.parameters()).device  # type: ignore[no-any-return]

    def train(self, mode: bool = True) -> "CtcModel":
        """Set the mode of all but batch norms, whose statistics stay those of pretraining.

        Parakeet has them. Those of a small batch, with its padding, would replace thousands of
        hours; and a resumed run would not know them, since they are no weights.
        """
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.eval()
        return self

    def forward(self, inputs: Inputs) -> torch.Tensor:
        """Logits, shape (batch, num_frames, num_tokens); beyond a clip they mean nothing."""
        features = inputs.features.to(self.device, next(self.network.parameters()).dtype)
        if self.description.kind == WHISPER:
            encoded = encode_mel(self.network.encoder, features, inputs.lengths)
            return self.network.head(encoded)  # type: ignore[no-any-return]
        if self.description.kind in OF_WAVEFORMS:
            return self._from_waveforms(features, inputs)
        there = _there(inputs.lengths, features.shape[1], self.device)
        return self.network(input_features=features, attention_mask=there).logits  # type: ignore[no-any-return]

    def _from_waveforms(self, waveforms: torch.Tensor, inputs: Inputs) -> torch.Tensor:
        """As transformers' ``forward`` does, but with convolutions that don't see the padding."""
        base = self.encoder
        if base.config.feat_extract_norm == "group":
            # The norm's mean is that of the whole row, so each clip needs a row of its own length.
            rows = [
                base.feature_extractor(row[None, :length])[0].T
                for row, length in zip(waveforms, inputs.lengths, strict=True)
            ]
            features = nn.utils.rnn.pad_sequence(rows, batch_first=True)
        else:
            features = base.feature_extractor(waveforms).transpose(1, 2)
        hidden = base.feature_projection(features)
        hidden = hidden[0] if isinstance(hidden, tuple) else hidden
        if inputs.masks:
            hidden = _masked(hidden, inputs.masks, getattr(base, "masked_spec_embed", None))
        there = _there(inputs.frames, hidden.shape[1], self.device)
        hidden = base.encoder(hidden, attention_mask=there).last_hidden_state
        return self.network.lm_head(self.network.dropout(hidden))  # type: ignore[no-any-return]


def _there(lengths: tuple[int, ...], longest: int, device: torch.device) -> torch.Tensor:
    positions = torch.arange(longest, device=device)
    return positions < torch.tensor(lengths, device=device)[:, None]


def _masked(
    hidden: torch.Tensor, masks: tuple[Masks, ...], embedding: torch.Tensor | None
) -> torch.Tensor:
    """SpecAugment as wav2vec2 has it: a learned vector in time, zeros in bands of channels."""
    width = hidden.shape[2]
    frames = torch.zeros(hidden.shape[:2], dtype=torch.bool)
    for row, mask in zip(frames, masks, strict=True):
        row[: len(mask.frames)] = mask.frames
    bands = torch.stack([mask.bands for mask in masks])
    channels = bands[:, torch.arange(width) * bands.shape[1] // width].to(hidden.device)
    vector = hidden.new_zeros(width) if embedding is None else embedding.to(hidden.dtype)
    hidden = torch.where(frames.to(hidden.device)[..., None], vector, hidden)
    return hidden.masked_fill(channels[:, None], 0.0)


def replace_head(model: CtcModel, vocabulary: Vocabulary, seed: int) -> None:
    """Give the model another vocabulary; the rows of tokens that it had before stay.

    A letter whose capital alone was known takes the capital's row. All other rows are random.
    """
    head: Any = getattr(model.network, model.head_name)
    known = model.vocabulary.ids
    generator = torch.Generator().manual_seed(seed)
    num_tokens, device = len(vocabulary.tokens), head.weight.device
    weight, bias = torch.empty(num_tokens, *head.weight.shape[1:]), torch.zeros(num_tokens)
    nn.init.normal_(weight, 0.0, 0.02, generator=generator)
    for row, token in enumerate(vocabulary.tokens):
        source = known.get(token, known.get(token.upper()))
        if source is not None:
            weight[row], bias[row] = head.weight[source].detach(), head.bias[source].detach()
    head.weight, head.bias = nn.Parameter(weight.to(device)), nn.Parameter(bias.to(device))
    setattr(head, "out_channels" if weight.ndim == 3 else "out_features", num_tokens)
    model.vocabulary = vocabulary
    if model.description.kind != WHISPER:
        config = model.network.config
        config.vocab_size, config.pad_token_id = num_tokens, 0
        config.bos_token_id = config.eos_token_id = None


def load(folder: Path, device: torch.device, dtype: torch.dtype = torch.float32) -> CtcModel:
    """Load a folder of ``save``, in evaluation mode.

    Raises:
        InputError: if a part is missing, damaged, or of another size than the rest.
    """
    description, vocabulary = read_description(folder), read_vocabulary(folder)
    kind, extractor = description.kind, None
    network: Any
    if kind == WHISPER:
        encoder = load_whole(WhisperEncoder, folder / ENCODER, [WHISPER])
        network = WhisperCtc(encoder, len(vocabulary.tokens))
        load_head(network.head, folder)
    else:
        network = load_whole(CLASSES[kind], folder, [kind])
        extractor = load_extractor(folder)
    model = CtcModel(network, extractor, vocabulary, description)
    if (rows := len(getattr(network, model.head_name).weight)) != len(vocabulary.tokens):
        raise InputError(
            f"{folder}: expected a row of the head for each of the {len(vocabulary.tokens)} tokens "
            f"in vocab.json, got {rows}"
        )
    model.to(device, dtype)
    return model.eval()


def load_head(head: nn.Linear, folder: Path) -> None:
    """Fill the head on Whisper's encoder.

    Raises:
        InputError: if the weights are missing, damaged or of other sizes.
    """
    path = folder / HEAD
    try:
        head.load_state_dict(load_file(path))
    except (OSError, RuntimeError, SafetensorError) as error:
        message = " ".join(str(error).split())
        raise InputError(f"{path}: expected a head, got {message}") from error


def load_extractor(folder: Path) -> Any:
    """transformers' feature extractor of a folder.

    Raises:
        InputError: if there is none.
    """
    try:
        return AutoFeatureExtractor.from_pretrained(folder, local_files_only=True)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, TypeError, KeyError) as error:
        message = " ".join(str(error).split())
        raise InputError(f"{folder}: expected preprocessor_config.json, got {message}") from error


def save(model: CtcModel, out: Path) -> None:
    """Write the model into the folder ``out``.

    With Whisper's encoder: ``encoder/`` as transformers writes it, and ``head.safetensors``. With
    any other, a plain folder that ``AutoModelForCTC``, ``AutoFeatureExtractor`` and
    ``AutoTokenizer`` load.

    Raises:
        InputError: if a weight is not finite; names it.
    """
    check_finite(model, out)
    if model.description.kind == WHISPER:
        model.network.encoder.save_pretrained(out / ENCODER)
        save_file(model.network.head.state_dict(), out / HEAD)
    else:
        model.network.save_pretrained(out)
        model.extractor.save_pretrained(out)
    write_vocabulary(out, model.vocabulary)
    if model.description.kind != WHISPER:
        tokenizer = Wav2Vec2CTCTokenizer(  # type: ignore[no-untyped-call]
            str(out / "vocab.json"), bos_token=None, eos_token=None, pad_token=BLANK,
            unk_token=UNKNOWN, word_delimiter_token=BOUNDARY,
        )  # fmt: skip
        tokenizer.save_pretrained(out)
    write_description(out, model.description)


def empty_vocabulary() -> Vocabulary:
    """That of a model which has never learned letters: it writes nothing."""
    return Vocabulary(SPECIAL)
