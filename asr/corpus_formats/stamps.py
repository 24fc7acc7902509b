"""Tux Paint's stamps: one sentence for each picture, read aloud in many languages.

``animals/birds/crow.txt`` holds one sentence in many languages, such as ``be.utf8=Варона.``. In
``animals/birds/crow_desc_be.ogg`` a volunteer reads that line. Speaker and session are unknown.
"""

from collections.abc import Iterator

from asr.corpora.columns import Columns, refuse_columns
from asr.corpora.raw_folder import stored
from asr.corpora.recording import Files, Recording

FOLDER = "usr/share/tuxpaint/stamps/"  # in the package; an unpacked copy may omit it
LISTS_OTHERS = False  # fetch does not list the package's 8,700 pictures and other languages


def wants(name: str, language: str) -> bool:
    """Whether ``name`` is a recording in ``language``, or a text."""
    return name.endswith((f"_desc_{language}.ogg", ".txt"))


def read(files: Files, language: str, columns: Columns) -> Iterator[Recording]:
    """Yield the recordings in ``language``, sorted by file name."""
    refuse_columns(columns, "stamps")
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
