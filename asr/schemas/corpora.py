"""The corpora: one line each."""

from typing import Annotated

from pydantic import Field, StringConstraints

from asr.schemas import Schema

# What a table of transcripts may say of a recording, by our names.
Column = Annotated[
    str,
    StringConstraints(
        pattern=r"^(id|audio|text|speaker_id|session_id|language|license|split)$",
    ),
]


class Corpus(Schema):
    """Section ``corpora``, one line of it.

    Attributes:
        format: the reader, a file in ``asr/corpora/``.
        language: ISO 639 code of what is spoken.
        source: where the files come from, a block in ``conf/sources.yaml``.
        columns: what the corpus calls a column, where that is not one of the usual names; formats
            that have no columns take none.
    """

    format: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    language: str = Field(pattern=r"^[a-z]{2,3}$")
    source: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    columns: dict[Column, Annotated[str, StringConstraints(min_length=1)]] = Field({})


# The name is part of paths and of DVC stage names.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")]
Params = Annotated[dict[Name, Corpus], Field(min_length=1)]
