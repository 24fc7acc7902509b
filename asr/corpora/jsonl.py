"""JSON Lines, one recording a line, as DrivenData has it; the recordings anywhere beside it.

``{"utterance_id": "U1", "audio_path": "audio/U1.flac", "orthographic_text": "a cat", "child_id":
"C7", "session_id": "S1", "age_bucket": "5-7"}``. Usual names of columns are known, others go to
``corpora.<name>.columns`` in params.yaml. What is neither becomes an attribute.
"""

from collections.abc import Iterator

from asr.corpus_columns import Columns, Recordings
from asr.corpus_files import is_audio, is_visible
from asr.corpus_rows import read_rows
from asr.errors import InputError
from asr.raw import Files, Recording


def wants(name: str, language: str) -> bool:
    """Whether ``name`` is a recording or a manifest."""
    return is_audio(name) or (is_visible(name) and name.endswith((".jsonl", ".jsonl.gz")))


def read(files: Files, language: str, columns: Columns) -> Iterator[Recording]:
    """Manifest by manifest in the order of names, each in its own order."""
    recordings = Recordings(files, columns)
    manifests = [name for name in files if not is_audio(name)]
    if not manifests:
        raise InputError("expected a manifest whose name ends in .jsonl, got no such file")
    for manifest in manifests:
        for row in read_rows(files, manifest):
            yield recordings.described(row)
