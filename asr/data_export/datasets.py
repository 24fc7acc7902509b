"""Export prepared utterances as 16-bit audio files and a manifest, for training in other tools.

The samples are those that this repository trains on, so their SHA-256 stays the same.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asr.core.csv_files import write_csv
from asr.core.errors import InputError
from asr.core.files import atomic_folder
from asr.utterances.language import language_name
from asr.utterances.shards import read_waveforms
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import SAMPLE_RATE, Waveform, to_int16

CLIPS_AT_ONCE = 256  # in memory: 500 MB of float32 if each is 30 s

JsonLine = dict[str, Any]


@dataclass(frozen=True)
class ExportFormat:
    """A tool's data format; ``{split}`` in a path stands for the split's name.

    Attributes:
        manifest: path of the manifest in the export.
        audio: folder of the audio files, relative to the manifest's folder.
        ending: file ending of the audio files.
        line: builds a manifest line from an utterance and the path of its audio file.
        absolute: whether that path is absolute instead of relative to the manifest's folder.
    """

    manifest: str
    audio: str
    ending: str
    line: Callable[[Utterance, str], JsonLine]
    absolute: bool = False


def export(
    form: ExportFormat, splits: Mapping[str, Sequence[Utterance]], prepared: Path, out: Path
) -> None:
    """Write each split's audio and manifest below ``out``.

    Raises:
        InputError: if ``out`` is not empty, or the prepared audio does not match the manifest.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: expected a new or empty folder, got existing files")
    with atomic_folder(out) as partial:
        for split, utterances in splits.items():
            manifest = Path(form.manifest.format(split=split))
            audio = form.audio.format(split=split)
            (partial / manifest.parent / audio).mkdir(parents=True, exist_ok=True)
            lines = []
            for utterance, waveform in _clips(prepared, utterances):
                path = f"{audio}/{file_name(utterance.id)}.{form.ending}".removeprefix("./")
                write_audio(partial / manifest.parent / path, waveform)
                named = str(out.resolve() / manifest.parent / path) if form.absolute else path
                lines.append(form.line(utterance, named))
            _write_manifest(partial / manifest, lines)


def _clips(prepared: Path, utterances: Sequence[Utterance]) -> Iterator[tuple[Utterance, Waveform]]:
    for start in range(0, len(utterances), CLIPS_AT_ONCE):
        some = utterances[start : start + CLIPS_AT_ONCE]
        yield from zip(some, read_waveforms(prepared, some), strict=True)


def file_name(utterance_id: str) -> str:
    """A unique file name for any file system, such as ``be_birds_crow-1f3a5b7c9d0e``."""
    readable = re.sub(r"[^A-Za-z0-9]+", "_", utterance_id).strip("_")[:80]
    return f"{readable}-{hashlib.sha256(utterance_id.encode()).hexdigest()[:12]}"


def write_audio(path: Path, waveform: Waveform) -> None:
    """Write a clip in the format of the path's ending, 16 kHz and 16 bits."""
    import soundfile

    soundfile.write(path, to_int16(waveform), SAMPLE_RATE, subtype="PCM_16")


def _write_manifest(path: Path, lines: Sequence[JsonLine]) -> None:
    if path.suffix == ".csv":
        columns = list(dict.fromkeys(key for line in lines for key in line))
        values = ([line.get(column) for column in columns] for line in lines)
        # Programs that train on the export read it, and an apostrophe would change a transcript.
        write_csv(path, columns, values, formulas=True)
    else:
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        path.write_text(text, encoding="utf-8", newline="")


def _drop_none(line: JsonLine) -> JsonLine:
    return {key: value for key, value in line.items() if value is not None}


def _with_attributes(utterance: Utterance, line: JsonLine) -> JsonLine:
    """Add the utterance's attributes, except those that would replace a column of the line."""
    return {k: v for k, v in utterance.attributes.items() if k not in line and k != "split"} | line


def _qwen3_asr(utterance: Utterance, path: str) -> JsonLine:
    """A line of ``finetuning/README.md`` in QwenLM/Qwen3-ASR: both of its fields."""
    name = language_name(utterance.language)
    if name is None:
        raise InputError(
            f"{utterance.id}: language: expected a code that has a name, got {utterance.language!r}"
        )
    return {"audio": path, "text": f"language {name}<asr_text>{utterance.text}"}


def _nemo(utterance: Utterance, path: str) -> JsonLine:
    return _drop_none(
        {
            "audio_filepath": path,
            "text": utterance.text,
            "duration": utterance.duration_s,
            "lang": utterance.language,
            "speaker": utterance.speaker_id,
            "id": utterance.id,
        }
    )


def _audiofolder(utterance: Utterance, path: str) -> JsonLine:
    line = {
        "file_name": path,
        "transcription": utterance.text,
        "id": utterance.id,
        "language": utterance.language,
        "speaker_id": utterance.speaker_id,
        "session_id": utterance.session_id,
        "license": utterance.license,
    }
    return _with_attributes(utterance, line)


def _drivendata(utterance: Utterance, path: str) -> JsonLine:
    line = {
        "utterance_id": utterance.id,
        "child_id": utterance.speaker_id,
        "session_id": utterance.session_id,
        "audio_path": path,
        "audio_duration_sec": utterance.duration_s,
        "orthographic_text": utterance.text,
    }
    return _with_attributes(utterance, line)


EXPORT_FORMATS = {
    "audiofolder": ExportFormat("{split}/metadata.csv", ".", "wav", _audiofolder),
    "drivendata": ExportFormat("{split}.jsonl", "audio", "flac", _drivendata),
    "nemo": ExportFormat("{split}_manifest.json", "audio/{split}", "wav", _nemo),
    "qwen3_asr": ExportFormat("{split}.jsonl", "audio/{split}", "wav", _qwen3_asr, absolute=True),
}
