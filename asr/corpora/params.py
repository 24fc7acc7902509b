"""Schemas of the sections ``corpora`` and ``test_sets`` in ``params.yaml``."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from asr.core.schema import Schema
from asr.corpora.languages import language_code

# Our names of the columns that a table of transcripts may have.
Column = Literal[
    "id", "audio", "text", "speaker_id", "session_id", "language", "license", "split", "channel",
    "tier",
]  # fmt: skip


class Withdrawn(Schema):
    """Rule for recordings that may no longer be used; ``commands.remove_source`` writes it.

    Attributes:
        speakers: ids of speakers.
        sources: shell patterns. They match a recording's file name in the source, its ``source``
            in a manifest (``<origin>:<file>``), or its ``source_url``.
    """

    speakers: list[Annotated[str, StringConstraints(min_length=1)]] = Field([])
    sources: list[Annotated[str, StringConstraints(min_length=1)]] = Field([])


def _code(value: Any) -> Any:
    return (language_code(value) or value) if isinstance(value, str) else value


class Corpus(Schema):
    """What fetch and prepare read of a line of ``corpora`` or ``test_sets``.

    Attributes:
        format: the reader, a file in ``asr/corpus_formats/``.
        language: ISO 639 code of the spoken language; a locale or an English name becomes it.
        source: where the files come from, a block in ``conf/sources.yaml``.
        columns: from our name of a column to the corpus's, if that is not one of ``USUAL_NAMES``.
            Formats with fixed columns take none. ``tier`` is for ``paired`` alone.
        channel: of files with several, where the corpus names none: the mean of all, each as an
            utterance of its own, or one by its number from 0.
        keep_raw: whether fetch stores the source's files. If not, it stores their hashes, and
            prepare downloads file by file and keeps none.
        withdrawn: recordings that may no longer be used; usually empty.
        replay: whether its clips are only mixed into training, at ``train.replay.share``. None of
            them is in dev or test.
    """

    # Other keys are a test set's own. CorpusLine and TestSet refuse those that nobody knows.
    model_config = ConfigDict(extra="ignore")

    format: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    language: Annotated[str, BeforeValidator(_code)] = Field(pattern=r"^[a-z]{2,3}$")
    source: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    columns: dict[Column, Annotated[str, StringConstraints(min_length=1)]] = Field({})
    channel: Annotated[int, Field(ge=0, lt=32)] | Literal["mean", "each"] = Field("mean")
    keep_raw: bool = Field(True)
    withdrawn: Withdrawn = Field(Withdrawn())
    replay: bool = Field(False)

    @model_validator(mode="after")
    def _tier_is_of_paired(self) -> "Corpus":
        if "tier" in self.columns and self.format != "paired":
            raise ValueError(f"columns: tier is for format paired, got format {self.format}")
        return self


class CorpusLine(Corpus):
    """Section ``corpora``, one line of it, with no other keys."""

    model_config = ConfigDict(extra="forbid")


class TestSet(CorpusLine):
    """Section ``test_sets``, one line of it: a corpus that is only scored.

    Attributes:
        max_samples: of its utterances, drawn by the hash of their ids; 0: all.
        on_leak: what becomes of an utterance that shares something with train or dev: ``stop``
            names the pairs, ``drop_from_test`` leaves it out and lists it.
        normalizer: for all of its languages; None for those of ``score.normalizers``.
    """

    __test__ = False  # pytest takes a class with this name for tests

    max_samples: int = Field(0, ge=0)
    on_leak: Literal["stop", "drop_from_test"] = Field("stop")
    normalizer: str | None = Field(None, pattern=r"^[a-z][a-z0-9_]*$")

    @model_validator(mode="after")
    def _is_only_scored(self) -> "TestSet":
        if self.replay:
            raise ValueError("replay: expected false: a test set is not trained on")
        return self


# The name is part of paths and of DVC stage names.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")]
TestSetsParams = dict[Name, TestSet]
CorporaParams = Annotated[dict[Name, CorpusLine], Field(min_length=1)]
