"""The names and the checkpoint of openai/whisper, from which GGML's names come."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from asr.core.errors import InputError
from asr.core.files import read_json
from asr.export.formats import CannotExportError, Source
from asr.families.whisper.tokens.description import Description, read_description

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
PROJECTION = "proj_out.weight"  # the token embedding once more
OWN_SIZES = (51864, 51865, 51866)  # English-only, multilingual, and with Cantonese
NUM_TIMESTAMPS = 1501  # 0 to 30 s by 0.02 s


def write_openai(source: Source, out: Path) -> None:
    """Write a checkpoint that ``whisper.load_model`` reads; it is a pickle."""
    import torch

    sizes = dimensions(source.model)
    weights = {name: torch.from_numpy(weight) for name, weight in openai_weights(source.model)}
    torch.save({"dims": sizes, "model_state_dict": weights}, out / "model.pt")


def dimensions(model: Path) -> dict[str, int]:
    """Sizes of a model, with openai/whisper's names in the order of GGML's header.

    Raises:
        CannotExportError: if the model has tokens of its own: these tools tell the special tokens
            by the number of all tokens. Or if its feed-forward layers have another width.
    """
    check_vocabulary(read_description(model))
    config = read_json(model / "config.json")
    for part in ("encoder", "decoder"):
        if (width := config[f"{part}_ffn_dim"]) != 4 * config["d_model"]:
            raise CannotExportError(f"{part}_ffn_dim: expected 4 x d_model, got {width}")
    return {
        "n_vocab": config["vocab_size"],
        "n_audio_ctx": config["max_source_positions"],
        "n_audio_state": config["d_model"],
        "n_audio_head": config["encoder_attention_heads"],
        "n_audio_layer": config["encoder_layers"],
        "n_text_ctx": config["max_target_positions"],
        "n_text_state": config["d_model"],
        "n_text_head": config["decoder_attention_heads"],
        "n_text_layer": config["decoder_layers"],
        "n_mels": config["num_mel_bins"],
    }


def check_vocabulary(description: Description) -> None:
    """Refuse a vocabulary with added tokens; with one, its size may be that of large-v3."""
    size, after = description.vocab_size, description.no_timestamps_token_id + 1
    if size not in OWN_SIZES or size - after != NUM_TIMESTAMPS:
        raise CannotExportError(
            f"expected one of Whisper's own vocabularies of {', '.join(map(str, OWN_SIZES))} "
            f"tokens, {NUM_TIMESTAMPS} timestamps at their end, got {size} tokens, {size - after} "
            "of them from the first timestamp on"
        )


def openai_weights(model: Path) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    """The weights of a transformers folder by openai/whisper's names, without the projection.

    Raises:
        CannotExportError: if the projection is not the embedding.
    """
    path = model / "model.safetensors"
    try:
        with safe_open(path, "np", backend="pread") as file:
            names: Any = sorted(file.keys())
            if PROJECTION in names:
                raise CannotExportError(f"{PROJECTION}: expected the token embedding once more")
            for name in names:
                yield openai_name(name.removeprefix("model.")), file.get_tensor(name)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: expected weights, got {error}") from error


def openai_name(name: str) -> str:
    """A weight's name in openai/whisper, given that in transformers without ``model.``."""
    # ``layer_norm`` at the end of the encoder or decoder has another name than within a layer.
    name = re.sub(r"^encoder\.layer_norm\.", "encoder.ln_post.", name)
    name = re.sub(r"^decoder\.layer_norm\.", "decoder.ln.", name)
    name = name.replace("embed_positions.weight", "positional_embedding")
    return ".".join(NAMES.get(part, part) for part in name.split("."))
