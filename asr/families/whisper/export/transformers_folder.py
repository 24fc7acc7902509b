"""The folder for transformers and for what reads the same files, such as vLLM."""

from pathlib import Path

from asr.core.files import read_json, write_json
from asr.export.formats import Source, copy_folder
from asr.families.whisper.tokens.description import read_description
from asr.families.whisper.tokens.languages import language_token

GENERATION = "generation_config.json"


def write_transformers(source: Source, out: Path) -> None:
    """Copy the folder, which ``train`` wrote merged and in float32, and complete its prompt.

    Without a language Whisper detects one, and takes little-trained languages for their
    neighbours. So a model that was tuned on one language names it; else the caller must.
    """
    copy_folder(source, out)
    description = read_description(source.model)
    generation = read_json(source.model / GENERATION)
    generation.pop("forced_decoder_ids", None)  # contradicts ``language``
    if description.is_multilingual:
        generation["task"] = "transcribe"
        if len(source.languages) == 1:
            generation["language"] = language_token(source.languages[0], description.lang_to_id)
    write_json(out / GENERATION, generation)
