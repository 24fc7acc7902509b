"""Tux Paint's stamps: one sentence a picture, read aloud by volunteers in many languages.

``animals/birds/crow.txt`` holds the sentence in every language, as the line ``be.utf8=Варона.``,
and ``animals/birds/crow_desc_be.ogg`` beside it somebody reading that line. Nobody says who:
speaker and session are unknown.
"""

from collections.abc import Iterator

from asr.corpora.columns import Columns, no_columns
from asr.corpora.raw_folder import stored
from asr.corpora.recording import Files, Recording

FOLDER = "usr/share/tuxpaint/stamps/"  # in the package; an unpacked copy may start below it


def wants(name: str, language: str) -> bool:
    """Whether ``name`` is a recording in ``language``, or a text."""
    return name.endswith((f"_desc_{language}.ogg", ".txt"))


def read(files: Files, language: str, columns: Columns) -> Iterator[Recording]:
    """The recordings in ``language``, in the order of their names."""
    no_columns(columns, "stamps")
    ending = f"_desc_{language}.ogg"
    for file in files:
        if file.endswith(ending):
            stem = file.removesuffix(ending)
            texts = f"{stem}.txt"
            yield Recording(
                name=stem.removeprefix(FOLDER),
                text=_sentence(files[texts], language) if texts in files else None,
                audio=stored(files, file),
                file=file,
            )


def _sentence(texts: bytes, language: str) -> str | None:
    """The sentence on the line of ``language``, None if there is no such line or it isn't UTF-8."""
    for line in texts.splitlines():
        key, _, sentence = line.partition(b"=")
        if key.strip() == f"{language}.utf8".encode():
            try:
                return sentence.decode().strip()
            except UnicodeDecodeError:
                return None
    return None
