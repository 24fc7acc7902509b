"""JSON Lines, one recording a line, as in DrivenData's competitions; audio files in any folder.

``{"utterance_id": "U1", "audio_path": "audio/U1.flac", "orthographic_text": "a cat", "child_id":
"C7", "session_id": "S1", "age_bucket": "5-7"}``. The usual column names need no setting; set
others in ``corpora.<name>.columns`` of params.yaml. All remaining columns become attributes.
"""

from collections.abc import Iterator

from asr.core.errors import InputError
from asr.corpora.columns import Columns, RecordingBuilder
from asr.corpora.paths import is_audio, is_visible
from asr.corpora.recording import Files, Recording
from asr.corpora.tables import read_rows

MANIFESTS = (".jsonl", ".jsonl.gz")


def wants(name: str, language: str) -> bool:
    """Whether ``name`` is a recording or a manifest."""
    return is_audio(name) or (is_visible(name) and name.endswith(MANIFESTS))


def read(files: Files, language: str, columns: Columns) -> Iterator[Recording]:
    """Yield the recordings line by line, manifests sorted by name."""
    builder = RecordingBuilder(files, columns)
    manifests = [name for name in files if is_visible(name) and name.endswith(MANIFESTS)]
    if not manifests:
        raise InputError(
            "expected a manifest whose name ends in .jsonl, got no such file; "
            "format table reads CSV and TSV"
        )
    rows = (row for manifest in manifests for row in read_rows(files, manifest))
    yield from builder.build_each(rows, builder.build)
