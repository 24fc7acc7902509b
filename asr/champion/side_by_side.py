"""Compare the tuned models of two revisions on their common test set, for ``commands.scores``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asr.champion.revision import read_revision, read_workspace
from asr.champion.same_test_set import check_same_normalizers, check_same_test_set
from asr.core.params import load_params, load_seed
from asr.scoring.compare import compare_groups
from asr.scoring.normalizers import Normalizers
from asr.scoring.params import ScoreParams
from asr.scoring.score import score_utterances

WORKSPACE = "workspace"  # DVC's name for what is in the working tree


@dataclass(frozen=True)
class SideBySide:
    """A comparison of two revisions.

    Attributes:
        groups: as in ``metrics/compare.json``, with the rates of ``first`` and ``second``.
        commits: by revision as it was named; None for the working tree.
        normalizers: IDs by language.
    """

    groups: dict[str, Any]
    commits: dict[str, str | None]
    normalizers: dict[str, str]


def compare_revisions(first: str, second: str) -> SideBySide:
    """Score both revisions' hypotheses with the params of the working tree, and compare them.

    Args:
        first: a Git revision, the name of a DVC experiment, or ``workspace``.
        second: the like; the verdict is on this one.

    Raises:
        InputError: if a revision lacks a file, or test sets, references or normalizers differ.
    """
    params = load_params("score", ScoreParams)
    normalizers = Normalizers(params.normalizers)
    one, other = (
        read_workspace() if name == WORKSPACE else read_revision(name) for name in (first, second)
    )
    check_same_test_set(other.utterances, one.utterances, second, first)
    ids = normalizers.ids(utterance.language for utterance in other.utterances)
    for some in (one, other):
        check_same_normalizers(ids, some.normalizers or {}, "the working tree", some.name)
    scored = [
        score_utterances(
            other.utterances, some.hypotheses, Path(some.name), normalizers, params.script
        )
        for some in (one, other)
    ]
    groups = compare_groups(scored[0], scored[1], ("first", "second"), params, load_seed())
    return SideBySide(groups, {first: one.commit, second: other.commit}, ids)
