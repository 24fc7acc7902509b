"""Detect and drop recordings that a speaker or a source has withdrawn.

A source's tables name all speakers, so fetch does not store them for a corpus with a ``withdrawn``
rule. It stores the audio that remains and ``recordings.jsonl`` with the metadata of each recording.
For a withdrawn recording this file has only the hash of the id, which prepare lists in the
rejects. If fetch stores hashes of the source's files alone (``keep_raw: false``), prepare notes no
more of a withdrawn recording than that hash, its file and the hash of its name.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from asr.core.errors import InputError
from asr.corpora.columns import hidden_name
from asr.corpora.formats import read_corpus
from asr.corpora.params import Corpus, Withdrawn
from asr.corpora.pins import PINS
from asr.corpora.raw_folder import (
    FILES,
    REFUSED,
    Provenance,
    RawFiles,
    write_files,
    write_provenance,
)
from asr.corpora.recording import Recording, recording_of_row, recording_row
from asr.corpora.tables import parse_json

RECORDINGS = "recordings.jsonl"


def is_withdrawn(
    withdrawn: Withdrawn, speaker_id: str | None, source: str, attributes: dict[str, str]
) -> bool:
    """Whether the rule matches an utterance; the fields are those of a manifest's line."""
    if speaker_id in withdrawn.speakers:
        return True
    names = [source, attributes.get("source_url", "")]
    # Try each colon, because ``<origin>:<file>`` may hold more than one: in a URL or a file name.
    names += [source[at + 1 :] for at, letter in enumerate(source) if letter == ":"]
    return any(fnmatchcase(name, pattern) for pattern in withdrawn.sources for name in names)


def hash_of_id(utterance_id: str) -> str:
    """SHA-256 of an id. It identifies a withdrawn utterance only to someone who has the id."""
    return hashlib.sha256(utterance_id.encode()).hexdigest()


def read_recordings(raw: Path, line: Corpus) -> Iterator[Recording]:
    """Yield the recordings of a raw folder; withdrawn ones have neither audio nor metadata.

    Args:
        raw: a folder that fetch wrote.
        line: the corpus's line in ``params.yaml``.

    Raises:
        InputError: if fetch stored the hashes of the files alone.
    """
    if (raw / PINS).is_file():
        raise InputError(
            f"{raw}: expected the source's files, got their hashes alone (keep_raw: false); only "
            "stage prepare reads files that are not stored: set keep_raw: true, and with it "
            "prepare.long_recordings: align and commands.segment work"
        )
    files = RawFiles(raw)
    if not (raw / RECORDINGS).is_file():
        yield from read_corpus(files, line)
        return
    with (raw / RECORDINGS).open(encoding="utf-8") as rows:
        for number, text in enumerate(rows, start=1):
            row = parse_json(text, f"{raw / RECORDINGS}:{number}")
            if "withdrawn" in row:
                yield _withdrawn(row["withdrawn"])
            else:
                del row["id"]
                has_audio = row["file"] in files  # False for a recording with a fault
                yield recording_of_row(row, files.stored(row["file"]) if has_audio else b"")


def _withdrawn(hash_: str) -> Recording:
    name = f"withdrawn-{hash_}"
    return Recording(name, None, b"", name, withdrawn=True)


def withdrawn_note(corpus: str, one: Recording) -> dict[str, str]:
    """All that may be stored of a withdrawn recording: its file, hashes of its name and its id."""
    return {
        "file": one.file,
        "hidden_name": hidden_name(one.name),
        "sha256_of_id": hash_of_id(f"{corpus}/{one.name}"),
    }


def noted_recording(note: dict[str, str]) -> Recording:
    """The recording of a ``withdrawn_note``, for ``without_withdrawn``."""
    attributes = {"sha256_of_id": note["sha256_of_id"]}
    return Recording(
        note["hidden_name"], None, b"", note["file"], attributes=attributes, withdrawn=True
    )


def without_withdrawn(
    recordings: Iterable[Recording], corpus: str, line: Corpus, origin: str
) -> Iterator[Recording]:
    """Yield recordings as ``read_recordings`` does after ``drop_withdrawn``.

    Args:
        recordings: as the source has them; or as ``noted_recording`` returns them.
        corpus: its key in ``params.yaml``.
        line: the corpus's there.
        origin: of the source.

    Raises:
        InputError: as ``drop_withdrawn``.
    """
    gone, used = set[str](), set[str]()
    for one in recordings:
        if one.withdrawn:
            gone.add(one.file)
            yield _withdrawn(one.attributes["sha256_of_id"])
        elif is_withdrawn(line.withdrawn, one.speaker_id, f"{origin}:{one.file}", one.attributes):
            gone.add(one.file)
            yield _withdrawn(hash_of_id(f"{corpus}/{one.name}"))
        else:
            if one.audio:
                used.add(one.file)
            yield one
    _check_remaining(corpus, gone, used)


def drop_withdrawn(folder: Path, corpus: str, line: Corpus, provenance: Provenance) -> None:
    """Rewrite a raw folder of the source's files without its withdrawn recordings.

    Raises:
        InputError: if no recording remains, or a file holds both withdrawn and other recordings.
    """
    gone: set[str] = set()
    stored: set[str] = set()
    recordings = read_corpus(RawFiles(folder), line)
    partial = folder / f".{FILES}.partial"
    with (folder / RECORDINGS).open("w", encoding="utf-8", newline="\n") as described:

        def remaining() -> Iterator[tuple[str, bytes]]:
            for one in recordings:
                source = f"{provenance.origin}:{one.file}"
                if is_withdrawn(line.withdrawn, one.speaker_id, source, one.attributes):
                    gone.add(one.file)
                    row: dict[str, Any] = {"withdrawn": hash_of_id(f"{corpus}/{one.name}")}
                else:
                    row = {"id": f"{corpus}/{one.name}"} | recording_row(one)
                    if one.audio and one.file not in stored:
                        stored.add(one.file)
                        yield one.file, bytes(one.audio)
                described.write(json.dumps(row, ensure_ascii=False) + "\n")

        num_files = write_files(partial, remaining())
    _check_remaining(corpus, gone, stored)
    partial.replace(folder / FILES)
    (folder / REFUSED).unlink(missing_ok=True)  # its faults are in recordings.jsonl
    write_provenance(folder, provenance.model_copy(update={"num_files": num_files}))


def _check_remaining(corpus: str, gone: set[str], used: set[str]) -> None:
    if shared := sorted(gone & used):
        raise InputError(
            f"corpora.{corpus}: withdrawn: {shared[0]}: expected a file that is withdrawn as a "
            "whole, got one with other recordings too; split the file in the source"
        )
    if not used:
        raise InputError(
            f"corpora.{corpus}: withdrawn: expected some recordings to remain, got none; remove "
            "the corpus from params.yaml"
        )
