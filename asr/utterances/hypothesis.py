"""Hypotheses: a model's transcripts, one JSONL line an utterance."""

from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from asr.core.errors import InputError
from asr.utterances.jsonl import read_jsonl, write_jsonl


class Hypothesis(BaseModel):
    """A model's transcript of one utterance.

    Attributes:
        id: the utterance's.
        text: decoded text, before any normalizer.
        num_tokens: tokens decoded, the end token included.
        mean_log_prob: mean natural log-probability of those tokens.
        runaway: whether decoding used up the token budget without an end token, as in a loop.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: str = Field(min_length=1)
    text: str
    num_tokens: int = Field(ge=0)
    mean_log_prob: float = Field(le=0, allow_inf_nan=False)
    runaway: bool


def read_hypotheses(path: Path) -> dict[str, Hypothesis]:
    """Read hypotheses by utterance id.

    Raises:
        InputError: with file, line and key, or with an id that appears twice.
    """
    by_id: dict[str, Hypothesis] = {}
    for line, hypothesis in enumerate(read_jsonl(path, Hypothesis), start=1):
        if hypothesis.id in by_id:
            raise InputError(f"{path}:{line}: id {hypothesis.id!r} appears twice")
        by_id[hypothesis.id] = hypothesis
    return by_id


def write_hypotheses(path: Path, hypotheses: Iterable[Hypothesis]) -> None:
    """Write one hypothesis a line."""
    write_jsonl(path, hypotheses)
