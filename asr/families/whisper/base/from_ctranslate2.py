"""Convert a CTranslate2 Whisper folder back to a transformers folder without loss."""

from pathlib import Path

from transformers import (
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperProcessor,
)

from asr.core.errors import InputError
from asr.core.files import read_json
from asr.ctranslate2_files.parameters import Variables, build_model, read_parameters
from asr.families.whisper.base.vocabulary import generation_config, read_tokenizer


def read_ctranslate2(folder: Path) -> tuple[WhisperForConditionalGeneration, WhisperProcessor]:
    """Read the CTranslate2 Whisper of ``folder`` as a model of transformers.

    Raises:
        InputError: if a file or tensor is missing, unknown or has the wrong shape; names it.
    """
    files = {name: folder / name for name in ("model.bin", "config.json", "tokenizer.json")}
    for path in files.values():
        if not path.is_file():
            there = sorted(file.name for file in folder.iterdir())
            raise InputError(f"{path}: expected this file of a CTranslate2 Whisper, got {there}")
    variables = Variables(files["model.bin"])
    config, parameters = read_parameters(variables)
    tokenizer = read_tokenizer(files["tokenizer.json"], config.vocab_size)
    generation = generation_config(
        tokenizer,
        config.max_target_positions,
        read_json(files["config.json"]),
        files["config.json"],
    )
    for key in ("bos", "eos", "pad", "decoder_start"):
        setattr(config, f"{key}_token_id", getattr(generation, f"{key}_token_id"))
    # These lists belong to the generation config; the defaults here are for English-only models.
    config.suppress_tokens = config.begin_suppress_tokens = None

    model = build_model(config, parameters, files["model.bin"])
    model.generation_config = generation
    extractor = WhisperFeatureExtractor(config.num_mel_bins)  # type: ignore[no-untyped-call]
    return model, WhisperProcessor(extractor, tokenizer)  # type: ignore[no-untyped-call]
