"""Recordings that a speaker or a source has withdrawn: which they are, and how fetch drops them.

A corpus with a rule under ``withdrawn`` keeps no file as its source has it, since a table names
everybody. fetch reads it, and writes what is left: the recordings' audio, and ``recordings.jsonl``
with what the source says of each. Of a withdrawn recording that holds the hash of its id, for
prepare to list it in the rejects.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from asr.core.errors import InputError
from asr.corpora.formats import corpus_format
from asr.corpora.params import Corpus, Withdrawn
from asr.corpora.raw_folder import FILES, Provenance, RawFiles, write_files, write_provenance
from asr.corpora.recording import Recording, Segment
from asr.corpora.tables import parse_json

KEPT = "recordings.jsonl"


def is_withdrawn(
    withdrawn: Withdrawn, speaker_id: str | None, source: str, attributes: dict[str, str]
) -> bool:
    """Whether a rule names an utterance with these fields, which are those of a manifest."""
    if speaker_id in withdrawn.speakers:
        return True
    names = [source, attributes.get("source_url", "")]
    # An origin such as an address holds colons, and so may a file's name.
    names += [source[at + 1 :] for at, letter in enumerate(source) if letter == ":"]
    return any(fnmatchcase(name, pattern) for pattern in withdrawn.sources for name in names)


def hash_of_id(utterance_id: str) -> str:
    """What is written down of a withdrawn utterance: who knows its id finds it, nobody else."""
    return hashlib.sha256(utterance_id.encode()).hexdigest()


def read_recordings(raw: Path, line: Corpus) -> Iterator[Recording]:
    """The recordings of a raw folder that fetch wrote; of withdrawn ones, that they are.

    Args:
        raw: the folder.
        line: the corpus's, in ``params.yaml``.
    """
    files = RawFiles(raw)
    if not (raw / KEPT).is_file():
        yield from corpus_format(line.format).read(files, line.language, line.columns)
        return
    with (raw / KEPT).open(encoding="utf-8") as rows:
        for number, text in enumerate(rows, start=1):
            row = parse_json(text, f"{raw / KEPT}:{number}")
            if "withdrawn" in row:
                name = f"withdrawn-{row['withdrawn']}"
                yield Recording(name, None, b"", name, withdrawn=True)
            else:
                del row["id"]
                row["segments"] = tuple(Segment(**one) for one in row["segments"])
                there = row["file"] in files  # not so where it could not be read
                yield Recording(audio=files.stored(row["file"]) if there else b"", **row)


def drop_withdrawn(folder: Path, corpus: str, line: Corpus, provenance: Provenance) -> None:
    """Rewrite a raw folder, as the source has it, so that it holds nothing of what is withdrawn.

    Raises:
        InputError: if nothing else is left, or one file holds withdrawn recordings and others.
    """
    gone: set[str] = set()
    stored: set[str] = set()
    recordings = corpus_format(line.format).read(RawFiles(folder), line.language, line.columns)
    beside = folder / f".{FILES}.partial"
    with (folder / KEPT).open("w", encoding="utf-8", newline="\n") as described:

        def kept() -> Iterator[tuple[str, bytes]]:
            for one in recordings:
                source = f"{provenance.origin}:{one.file}"
                if is_withdrawn(line.withdrawn, one.speaker_id, source, one.attributes):
                    gone.add(one.file)
                    row: dict[str, Any] = {"withdrawn": hash_of_id(f"{corpus}/{one.name}")}
                else:
                    row = {"id": f"{corpus}/{one.name}"} | asdict(one)
                    del row["audio"], row["withdrawn"]
                    if one.audio and one.file not in stored:
                        stored.add(one.file)
                        yield one.file, bytes(one.audio)
                described.write(json.dumps(row, ensure_ascii=False) + "\n")

        num_files = write_files(beside, kept())
    if shared := sorted(gone & stored):
        raise InputError(
            f"corpora.{corpus}: withdrawn: {shared[0]}: expected a file that is withdrawn "
            "as a whole, got one that others speak in too; cut it at the source"
        )
    if not num_files:
        raise InputError(
            f"corpora.{corpus}: withdrawn: nothing is left of the corpus; take its line out of "
            "params.yaml"
        )
    beside.replace(folder / FILES)
    write_provenance(folder, provenance.model_copy(update={"num_files": num_files}))
