"""JSON Lines, one recording a line, as DrivenData has it; the recordings anywhere beside it.

``{"utterance_id": "U1", "audio_path": "audio/U1.flac", "orthographic_text": "a cat", "child_id":
"C7", "session_id": "S1", "age_bucket": "5-7"}``. Usual names of columns are known, others go to
``corpora.<name>.columns`` in params.yaml. What is neither becomes an attribute.
"""

from collections.abc import Iterator

from asr.core.errors import InputError
from asr.corpora.columns import Columns, Recordings
from asr.corpora.paths import is_audio, is_visible
from asr.corpora.recording import Files, Recording
from asr.corpora.tables import read_rows


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
