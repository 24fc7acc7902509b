"""The corpora: one line each."""

from typing import Annotated

from pydantic import Field, StringConstraints

from asr.core.schema import Schema

# What a table of transcripts may say of a recording, by our names.
Column = Annotated[
    str,
    StringConstraints(
        pattern=r"^(id|audio|text|speaker_id|session_id|language|license|split)$",
    ),
]


class Withdrawn(Schema):
    """Recordings of a corpus that may not be used any more; ``commands.remove_source`` writes it.

    Attributes:
        speakers: their ids.
        sources: patterns as the shell has them, of a recording's file in the source, of that with
            the source before it as in a manifest, or of its ``source_url``.
    """

    speakers: list[Annotated[str, StringConstraints(min_length=1)]] = Field([])
    sources: list[Annotated[str, StringConstraints(min_length=1)]] = Field([])


class Corpus(Schema):
    """Section ``corpora``, one line of it.

    Attributes:
        format: the reader, a file in ``asr/corpus_formats/``.
        language: ISO 639 code of what is spoken.
        source: where the files come from, a block in ``conf/sources.yaml``.
        columns: what the corpus calls a column, where that is not one of the usual names; formats
            that have no columns take none.
        withdrawn: what may not be used any more; none as a rule.
    """

    format: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    language: str = Field(pattern=r"^[a-z]{2,3}$")
    source: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    columns: dict[Column, Annotated[str, StringConstraints(min_length=1)]] = Field({})
    withdrawn: Withdrawn = Field(Withdrawn())


# The name is part of paths and of DVC stage names.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")]
CorporaParams = Annotated[dict[Name, Corpus], Field(min_length=1)]
