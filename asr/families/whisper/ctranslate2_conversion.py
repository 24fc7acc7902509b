"""A plain transformers folder in CTranslate2's format, made by a process of its own.

    python -P asr/families/whisper/ctranslate2_conversion.py FOLDER OUT PRECISION < TOKENS

Transformers' models bring torch's compiler with them and leave holes in the heap, 250 MB that a
decoder would carry along to its end; so nothing of them is imported above. TOKENS are those that
the model keeps, in JSON, or ``null`` for all: half of what a token costs the decoder is the choice
among 51 865.
"""

import json
import sys
from pathlib import Path


def convert(folder: Path, out: Path, precision: str, tokens: list[int] | None) -> None:
    """Write the converted model, whose token ``i`` is ``tokens[i]`` of the folder's."""
    from ctranslate2.converters.transformers import TransformersConverter

    if tokens is None:
        TransformersConverter(str(folder)).convert(str(out), quantization=precision)
    else:
        _convert_part(folder, out, precision, tokens)


def _convert_part(folder: Path, out: Path, precision: str, tokens: list[int]) -> None:
    """What ``TransformersConverter`` does, with fewer rows of the embedding and the output."""
    import torch
    from ctranslate2.converters.transformers import WhisperLoader
    from transformers import WhisperForConditionalGeneration, WhisperTokenizer

    loader = WhisperLoader()
    with torch.no_grad():
        model = WhisperForConditionalGeneration.from_pretrained(folder, dtype="auto")
        names = loader.get_vocabulary(model, WhisperTokenizer.from_pretrained(folder))
        rows = torch.nn.Parameter(model.proj_out.weight[tokens])
        model.proj_out.weight = model.model.decoder.embed_tokens.weight = rows
        spec = loader.get_model_spec(model)
        spec.register_vocabulary([names[token] for token in tokens])
        loader.set_config(spec.config, model, None)
        place = {token: row for row, token in enumerate(tokens)}
        for key in ("suppress_ids", "suppress_ids_begin", "lang_ids"):
            kept = [place[token] for token in getattr(spec.config, key) or () if token in place]
            setattr(spec.config, key, kept)
        spec.validate()
        spec.optimize(quantization=precision)
        out.mkdir()
        spec.save(str(out))


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], json.load(sys.stdin))
