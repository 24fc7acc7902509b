"""Convert our plain transformers folders to the formats of other tools."""

import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from ctranslate2.converters import TransformersConverter
from transformers.convert_slow_tokenizer import bytes_to_unicode

from asr.families.whisper.model.model import load

# Names of modules in transformers, and in openai/whisper.
NAMES = {
    "self_attn_layer_norm": "attn_ln",
    "encoder_attn_layer_norm": "cross_attn_ln",
    "final_layer_norm": "mlp_ln",
    "self_attn": "attn",
    "encoder_attn": "cross_attn",
    "q_proj": "query",
    "k_proj": "key",
    "v_proj": "value",
    "out_proj": "out",
    "fc1": "mlp.0",
    "fc2": "mlp.2",
    "layers": "blocks",
    "embed_tokens": "token_embedding",
}
GGML_MAGIC = 0x67676D6C
FLOAT32, FLOAT16, INT8 = 0, 1, 8  # ggml's types; INT8 is Q8_0
FILE_TYPES = {FLOAT32: 0, FLOAT16: 1, INT8: 2007}  # 2007: type 7 in version 2 of quantization
BLOCK = 32  # numbers that share a scale in Q8_0


def to_ctranslate2(model: Path, folder: Path) -> Path:
    """Convert with CTranslate2's own converter, as a user of faster-whisper would."""
    TransformersConverter(
        str(model), copy_files=["tokenizer.json", "preprocessor_config.json"]
    ).convert(str(folder))
    return folder


def to_openai(model: Path, file: Path) -> Path:
    """Write a checkpoint that ``whisper.load_model`` reads."""
    whisper = load(model, torch.device("cpu"))
    config: Any = whisper.network.config
    dims = {
        "n_mels": config.num_mel_bins,
        "n_audio_ctx": config.max_source_positions,
        "n_audio_state": config.d_model,
        "n_audio_head": config.encoder_attention_heads,
        "n_audio_layer": config.encoder_layers,
        "n_vocab": config.vocab_size,
        "n_text_ctx": config.max_target_positions,
        "n_text_state": config.d_model,
        "n_text_head": config.decoder_attention_heads,
        "n_text_layer": config.decoder_layers,
    }
    torch.save({"dims": dims, "model_state_dict": openai_weights(whisper.network)}, file)
    return file


def openai_weights(network: Any) -> dict[str, torch.Tensor]:
    """The weights by openai/whisper's names, without the tied output projection."""
    return {
        _openai_name(name.removeprefix("model.")): weight.contiguous()
        for name, weight in network.state_dict().items()
        if name != "proj_out.weight"
    }


def _openai_name(name: str) -> str:
    # ``layer_norm`` at the end of the encoder or decoder has another name than within a layer.
    name = re.sub(r"^encoder\.layer_norm\.", "encoder.ln_post.", name)
    name = re.sub(r"^decoder\.layer_norm\.", "decoder.ln.", name)
    name = name.replace("embed_positions.weight", "positional_embedding")
    return ".".join(NAMES.get(part, part) for part in name.split("."))


def to_ggml(model: Path, file: Path, kind: int) -> Path:
    """Write the GGML file that whisper.cpp's ``convert-h5-to-ggml.py`` and ``quantize`` write.

    Args:
        model: a plain transformers folder.
        file: to write.
        kind: ggml type of matrices; convolutions are float16 at least, vectors float32.
    """
    whisper = load(model, torch.device("cpu"))
    config: Any = whisper.network.config
    vocabulary = {i: token for token, i in whisper.processor.tokenizer.get_vocab().items()}
    alphabet = bytes_to_unicode()  # type: ignore[no-untyped-call]
    bytes_of = {character: byte for byte, character in alphabet.items()}
    filters = np.ascontiguousarray(whisper.processor.feature_extractor.mel_filters.T, np.float32)
    with file.open("wb") as out:
        out.write(struct.pack("<12i", GGML_MAGIC, config.vocab_size,
            config.max_source_positions, config.d_model, config.encoder_attention_heads,
            config.encoder_layers, config.max_target_positions, config.d_model,
            config.decoder_attention_heads, config.decoder_layers, config.num_mel_bins,
            FILE_TYPES[kind]))  # fmt: skip
        out.write(struct.pack("<2i", *filters.shape) + filters.tobytes())
        # Without special tokens: whisper.cpp adds them itself.
        end = whisper.network.generation_config.eos_token_id
        out.write(struct.pack("<i", end))
        for index in range(end):
            token = bytes(bytes_of[character] for character in vocabulary[index])
            out.write(struct.pack("<i", len(token)) + token)
        for name, weight in openai_weights(whisper.network).items():
            out.write(_ggml_tensor(name, weight.numpy(), kind))
    return file


def _ggml_tensor(name: str, weight: npt.NDArray[np.float32], kind: int) -> bytes:
    if name in ("encoder.conv1.bias", "encoder.conv2.bias"):
        weight = weight[:, None]
    if name.endswith((".bias", "positional_embedding")) or weight.ndim < 2:
        kind = FLOAT32
    elif weight.ndim == 3:
        kind = min(kind, FLOAT16)
    header = struct.pack("<3i", weight.ndim, len(name), kind)
    header += struct.pack(f"<{weight.ndim}i", *reversed(weight.shape)) + name.encode()
    if kind == INT8:
        return header + q8_0(weight)
    return header + weight.astype(np.float16 if kind == FLOAT16 else np.float32).tobytes()


def q8_0(weight: npt.NDArray[np.float32]) -> bytes:
    """Quantize to ggml's Q8_0: blocks of a float16 scale and 32 int8 numbers."""
    blocks = weight.reshape(-1, BLOCK)
    scales = np.abs(blocks).max(axis=1, keepdims=True) / 127
    packed = np.zeros(len(blocks), dtype=[("scale", "<f2"), ("numbers", "i1", BLOCK)])
    packed["scale"] = scales[:, 0]
    packed["numbers"] = np.rint(blocks / np.maximum(scales, 1e-12))
    return packed.tobytes()
