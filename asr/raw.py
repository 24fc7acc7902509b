"""A corpus as its source has it: files by name, untouched, in one tar."""

from dataclasses import dataclass, field

FILES = "files.tar"
PROVENANCE = "source.json"


@dataclass(frozen=True)
class Recording:
    """What a corpus format finds: a recording, and what the source says of it.

    Attributes:
        name: unique in its corpus; the utterance's id is ``<corpus>/<name>``.
        text: raw transcript, or None where the source has none.
        audio: encoded bytes, as the file holds them.
        file: name of that file in the source.
        speaker_id: who speaks, if the source says.
        session_id: the sitting, if the source says.
        attributes: whatever else the source says.
    """

    name: str
    text: str | None
    audio: bytes
    file: str
    speaker_id: str | None = None
    session_id: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)
