"""Table of CTranslate2's variables and the transformers parameters that each one stacks.

It states what ``WhisperLoader`` does (ctranslate2, ``converters/transformers.py``). Both directions
of conversion read it.
"""

Table = dict[str, tuple[str, ...]]

SPEC, REVISION = "WhisperSpec", 3
EMBEDDING, PROJECTION = "decoder/embeddings/weight", "decoder/projection/weight"
PROJECTION_WEIGHT = "proj_out.weight"  # saved only if it is not the embedding
NO_PARAMETER = "k_proj.bias"  # Whisper's keys have no bias; such a name stands for zeros


def stacked_parameters(num_encoder_layers: int, num_decoder_layers: int) -> Table:
    """Map each variable to the parameters whose rows it stacks.

    ``PROJECTION`` is left out, since it is an alias of the embedding in nearly all models.
    """
    table: Table = {EMBEDDING: ("model.decoder.embed_tokens.weight",)}
    for name in ("conv1", "conv2"):
        table |= _linear(f"encoder/{name}", f"model.encoder.{name}")
    for scope, num_layers in (("encoder", num_encoder_layers), ("decoder", num_decoder_layers)):
        positions = f"model.{scope}.embed_positions.weight"
        table[f"{scope}/position_encodings/encodings"] = (positions,)
        table |= _norm(f"{scope}/layer_norm", f"model.{scope}.layer_norm")
        for index in range(num_layers):
            old, new = f"{scope}/layer_{index}", f"model.{scope}.layers.{index}"
            table |= _attention(f"{old}/self_attention", f"{new}.self_attn", "q k v", "out")
            if scope == "decoder":
                table |= _attention(f"{old}/attention", f"{new}.encoder_attn", "q", "k v", "out")
            table |= _norm(f"{old}/ffn/layer_norm", f"{new}.final_layer_norm")
            table |= _linear(f"{old}/ffn/linear_0", f"{new}.fc1")
            table |= _linear(f"{old}/ffn/linear_1", f"{new}.fc2")
    return table


def _attention(old: str, new: str, *linears: str) -> Table:
    """An attention block with its norm; ``linears`` name the projections that each one stacks."""
    table = _norm(f"{old}/layer_norm", f"{new}_layer_norm")
    for index, projections in enumerate(linears):
        for part in ("weight", "bias"):
            stacked = tuple(f"{new}.{name}_proj.{part}" for name in projections.split())
            table[f"{old}/linear_{index}/{part}"] = stacked
    return table


def _linear(old: str, new: str) -> Table:
    return {f"{old}/{part}": (f"{new}.{part}",) for part in ("weight", "bias")}


def _norm(old: str, new: str) -> Table:
    names = {"gamma": "weight", "beta": "bias"}
    return {f"{old}/{name}": (f"{new}.{part}",) for name, part in names.items()}
