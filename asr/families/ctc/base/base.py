"""Read a pretrained encoder of any of the kinds, with its head and vocabulary if it has them."""

from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from tokenizers import Tokenizer
from transformers.utils import logging

from asr.core.errors import InputError
from asr.core.files import read_json
from asr.families.ctc.base.params import Block
from asr.families.ctc.base.random_weights import random_network
from asr.families.ctc.base.whisper import is_whisper, read_whisper_encoder
from asr.families.ctc.model.model import (
    CLASSES,
    HEADS,
    CtcModel,
    WhisperCtc,
    load,
    load_extractor,
    replace_head,
    save,
)
from asr.families.ctc.tokens.description import FILE, OF_WAVEFORMS, WHISPER, Description
from asr.families.ctc.tokens.vocabulary import BLANK, SPECIAL, UNKNOWN, Vocabulary
from asr.sources.weights import RANDOM

# Of wav2vec2's pretraining, which no head needs.
PRETRAINING = ("quantizer.", "project_q.", "project_hid.")
# Fbank of w2v-BERT: windows of 25 ms each 10 ms, of which two are stacked.
FBANK = [[400, 160, 0], [2, 2, 0]]


def write_base(block: Block, folder: Path, out: Path) -> None:
    """Write the model into the empty folder ``out``; same weights, same bytes.

    Raises:
        InputError: if the folder holds another model, or only part of one.
    """
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    if (folder / FILE).is_file():
        save(_tuned_before(block, folder), out)
        return
    kind: Any
    known = Vocabulary(SPECIAL)
    if (folder / RANDOM).is_file():
        kind, network, extractor = random_network(folder / RANDOM)
    elif is_whisper(folder):
        encoder = read_whisper_encoder(folder)
        kind, network, extractor = WHISPER, WhisperCtc(encoder, len(SPECIAL)), None
    else:
        kind, network, extractor, known = _pretrained(folder)
    description = Description(
        kind=kind,
        num_pieces=block.num_pieces,
        margin_s=block.margin_s if kind == WHISPER else None,
        convolutions=_convolutions(kind, network),
    )
    model = CtcModel(network, extractor, known, description)
    if known.tokens[: len(SPECIAL)] != SPECIAL:
        replace_head(model, _ordered(known), block.seed)
    elif known.tokens == SPECIAL:
        model.vocabulary = Vocabulary(())  # no row of a head that never learned is kept
        replace_head(model, known, block.seed)
    save(model, out)


def _tuned_before(block: Block, folder: Path) -> CtcModel:
    model = load(folder, torch.device("cpu"))
    description = model.description
    if description.kind == WHISPER and description.margin_s != block.margin_s:
        raise InputError(
            f"margin_s: expected {description.margin_s} as in {folder}, got {block.margin_s}"
        )
    model.description = description.model_copy(update={"num_pieces": block.num_pieces})
    return model


def _pretrained(folder: Path) -> tuple[Any, Any, Any, Vocabulary]:
    """Kind, network, feature extractor and vocabulary of a folder as transformers writes it."""
    kind = _value(folder / "config.json", "model_type")
    if kind not in CLASSES:
        raise InputError(
            f"{folder / 'config.json'}: model_type: expected one of {', '.join(sorted(CLASSES))} "
            f"or whisper, got {kind!r}"
        )
    for key in ("add_adapter", "adapter_attn_dim"):
        if _value(folder / "config.json", key):
            raise InputError(f"{folder / 'config.json'}: {key}: expected none, got an adapter")
    try:
        # Of pickles transformers reads tensors alone (weights_only), so they can run no code.
        network, loading = CLASSES[kind].from_pretrained(
            folder, dtype=torch.float32, output_loading_info=True, local_files_only=True
        )
    except (  # of damaged files, and of pickles that hold more than tensors
        OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError, UnpicklingError,
    ) as error:  # fmt: skip
        message = " ".join(str(error).split())
        raise InputError(f"{folder}: transformers can't load it: {message}") from error
    extractor, head = load_extractor(folder), HEADS.get(kind, "lm_head")
    missing = {name for name in loading["missing_keys"] if not name.endswith("masked_spec_embed")}
    headless = bool(missing) and all(name.startswith(f"{head}.") for name in missing)
    foreign = [n for n in loading["unexpected_keys"] if not n.startswith(PRETRAINING)]
    if (missing and not headless) or foreign or loading["mismatched_keys"]:
        names = sorted(map(str, {*missing, *foreign, *loading["mismatched_keys"]}))
        raise InputError(
            f"{folder}: expected every parameter once, got missing or unknown {names[:10]}"
        )
    known = Vocabulary(SPECIAL) if headless else _vocabulary(folder, network)
    return kind, network, extractor, known


def _vocabulary(folder: Path, network: Any) -> Vocabulary:
    """The labels of a pretrained head, in its own order, with the names of ``SPECIAL``."""
    if (folder / "tokenizer.json").is_file():
        ids = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab()
    elif (folder / "vocab.json").is_file():
        ids = read_json(folder / "vocab.json")
    else:
        return Vocabulary(SPECIAL)
    config = network.config
    tokens = [f"<unused {index}>" for index in range(config.vocab_size)]
    for token, index in ids.items():
        if index < len(tokens):
            tokens[index] = UNKNOWN if token in ("[UNK]", "<unk>") else token
    tokens[config.pad_token_id] = BLANK
    return Vocabulary(tuple(tokens))


def _ordered(known: Vocabulary) -> Vocabulary:
    """The same labels, those of ``SPECIAL`` first; without those that are no text."""
    no_text = ("<s>", "</s>", "[PAD]", *SPECIAL)
    written = [t for t in known.tokens if t not in no_text and not t.startswith("<unused ")]
    return Vocabulary((*SPECIAL, *written))


def _convolutions(kind: str, network: Any) -> list[list[int]]:
    """Kernel, stride and padding of all that makes frames of samples."""
    if kind == WHISPER:
        return [[320, 320, 0]]  # a position is 20 ms
    if kind in OF_WAVEFORMS:
        config = network.config
        return [[k, s, 0] for k, s in zip(config.conv_kernel, config.conv_stride, strict=True)]
    if kind == "wav2vec2-bert":
        return FBANK
    config = network.config.encoder_config
    kernel, stride = config.subsampling_conv_kernel_size, config.subsampling_conv_stride
    num_layers = config.subsampling_factor.bit_length() - 1
    return [[160, 160, 0], *[[kernel, stride, (kernel - 1) // 2]] * num_layers]


def _value(path: Path, key: str) -> Any:
    if not path.is_file():
        there = sorted(file.name for file in path.parent.iterdir())
        raise InputError(f"{path.parent}: expected config.json, got {there}")
    content = read_json(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a JSON object, got {content!r:.80}")
    return content.get(key)
