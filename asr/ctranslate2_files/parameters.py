"""Parameters of transformers from the variables of a CTranslate2 Whisper, without loss.

This reverses ``WhisperLoader`` (ctranslate2, ``converters/transformers.py``). It uses every
variable once, sets every parameter once, and checks every shape. float16 and bfloat16 convert
exactly to float32; int8 and int16 become ``weight / scale``, as CTranslate2 dequantizes.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import WhisperConfig, WhisperForConditionalGeneration

from asr.core.errors import InputError
from asr.ctranslate2_files.format import Model, read_model
from asr.ctranslate2_files.names import (
    NO_PARAMETER,
    PROJECTION,
    PROJECTION_WEIGHT,
    REVISION,
    SPEC,
    stacked_parameters,
)

Array = NDArray[np.float32]

# Settings of CTranslate2's generic decoder, with the values that a Whisper may have. The alignment
# values are the defaults of every model. Alibi is off, so its position setting has no effect.
SETTINGS: dict[str, tuple[float, ...]] = {
    "decoder/activation": (3,),  # GELU
    "decoder/alibi": (0,),
    "decoder/alibi_use_positive_positions": (0, 1),
    "decoder/alignment_heads": (1,),
    "decoder/alignment_layer": (-1,),
    "decoder/pre_norm": (1,),
    "decoder/scale_alibi": (0, 1),
    "decoder/scale_embeddings": (0, 1),  # a flag that is off, or a factor that is 1
    "decoder/start_from_zero_embedding": (0,),
}


class Variables:
    """Variables of a ``model.bin``; each may be taken once. ``left`` holds the names not taken."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.model: Model = read_model(path)
        if (self.model.spec, self.model.revision) != (SPEC, REVISION):
            got = f"{self.model.spec} revision {self.model.revision}"
            raise InputError(f"{path}: expected {SPEC} revision {REVISION}, got {got}")
        self.left = {*self.model.variables, *self.model.aliases}

    def take(self, name: str) -> Array:
        """Take a variable in float32, aliases resolved and dequantized; raises if it is missing."""
        if name not in self.left:
            raise InputError(f"{self.path}: missing variable {name}")
        self.left.remove(name)
        shared = self.model.aliases.get(name, name)
        value = self.model.variables[shared].float32()
        scale_name = f"{shared}_scale"
        if scale_name not in self.model.variables:
            return value
        self.left.discard(scale_name)
        scale = self.model.variables[scale_name].float32()
        # int8 has one scale per row, int16 one per matrix (``LayerSpec._quantize``).
        if scale.shape not in ((), value.shape[:1]):
            expected = f"() or {value.shape[:1]}"
            raise InputError(
                f"{self.path}: {scale_name}: expected shape {expected}, got {scale.shape}"
            )
        value /= scale.reshape(scale.shape + (1,) * (value.ndim - 1)) if scale.ndim else scale
        return value

    def count_layers(self, scope: str) -> int:
        """Count layers of ``encoder`` or ``decoder``; at least 1, so that 0 raises as missing."""
        count = 0
        while any(name.startswith(f"{scope}/layer_{count}/") for name in self.left):
            count += 1
        return max(count, 1)


def read_parameters(variables: Variables) -> tuple[WhisperConfig, dict[str, Array]]:
    """Read config and parameters, by their names in transformers, from all variables.

    Raises:
        InputError: if a variable is missing or unknown, or a setting is not that of a Whisper.
    """
    sizes: dict[str, Any] = {}
    for scope in ("encoder", "decoder"):
        sizes[f"{scope}_attention_heads"] = int(variables.take(f"{scope}/num_heads").item())
        sizes[f"{scope}_layers"] = variables.count_layers(scope)
    table = stacked_parameters(sizes["encoder_layers"], sizes["decoder_layers"])
    parameters: dict[str, Array] = {}
    for name, stacked in table.items():
        parameters |= _parts(variables, name, stacked)
    for scope in ("encoder", "decoder"):
        sizes[f"{scope}_ffn_dim"] = parameters[f"model.{scope}.layers.0.fc1.bias"].size
    embedding = parameters["model.decoder.embed_tokens.weight"]
    projection = variables.take(PROJECTION)
    tied = np.array_equal(projection, embedding)
    if not tied:
        parameters[PROJECTION_WEIGHT] = projection
    _check_settings(variables)
    if variables.left:
        raise InputError(f"{variables.path}: unknown variables {sorted(variables.left)}")
    config = WhisperConfig(
        vocab_size=embedding.shape[0],
        d_model=embedding.shape[1],
        num_mel_bins=parameters["model.encoder.conv1.weight"].shape[1],
        max_source_positions=parameters["model.encoder.embed_positions.weight"].shape[0],
        max_target_positions=parameters["model.decoder.embed_positions.weight"].shape[0],
        dtype="float32",
        tie_word_embeddings=tied,
        **sizes,
    )
    return config, parameters


def build_model(
    config: WhisperConfig, parameters: dict[str, Array], source: Path
) -> WhisperForConditionalGeneration:
    """Build the model from ``parameters``; raises if a name or shape differs from the config."""
    # The meta device allocates no memory: the arrays themselves become the parameters.
    with torch.device("meta"):
        model = WhisperForConditionalGeneration(config)
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    if config.tie_word_embeddings:
        del expected[PROJECTION_WEIGHT]  # the embedding, tied below
    for name in sorted(expected.keys() | parameters.keys()):
        got = parameters[name].shape if name in parameters else None
        if got != expected.get(name):
            raise InputError(f"{source}: {name}: expected shape {expected.get(name)}, got {got}")
    tensors = {name: torch.from_numpy(value) for name, value in parameters.items()}
    model.load_state_dict(tensors, strict=False, assign=True)
    model.tie_weights()
    return model


def _parts(variables: Variables, name: str, stacked: tuple[str, ...]) -> dict[str, Array]:
    array = variables.take(name)
    if len(stacked) == 1:
        return {stacked[0]: array}
    if array.shape[0] % len(stacked):
        linear, projections = name.rpartition("/")[0], [name.split(".")[-2] for name in stacked]
        rows = "+".join(projection.removesuffix("_proj") for projection in projections)
        raise InputError(
            f"{variables.path}: {linear}: expected rows for {rows}, got {array.shape[0]}"
        )
    parts = dict(zip(stacked, np.split(array, len(stacked)), strict=True))
    for parameter in [one for one in stacked if one.endswith(NO_PARAMETER)]:
        if parts.pop(parameter).any():
            # Whisper's keys have no bias in transformers.
            raise InputError(f"{variables.path}: {name}: expected a key bias of 0, got another")
    return parts


def _check_settings(variables: Variables) -> None:
    # The settings in a file depend on the version of CTranslate2 that wrote it.
    for name in sorted(SETTINGS.keys() & variables.left):
        got = variables.take(name).item()
        if got not in SETTINGS[name]:
            raise InputError(f"{variables.path}: {name}: expected {SETTINGS[name]}, got {got}")
