"""Compare the tuned models of two revisions on their common test set, for ``commands.scores``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asr.champion.revision import files_of, read_revision, read_workspace
from asr.champion.same_test_set import check_same_normalizers, check_same_test_set
from asr.core.params import load_params, load_seed
from asr.scoring.compare import compare_groups
from asr.scoring.normalizers import normalizers_of
from asr.scoring.params import ScoreParams
from asr.scoring.score import Scored, score_utterances

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


def compare_revisions(first: str, second: str, test_set: str) -> SideBySide:
    """Score both revisions' hypotheses with the params of the working tree, and compare them.

    Args:
        first: a Git revision, the name of a DVC experiment, or ``workspace``.
        second: the like; the verdict is on this one.
        test_set: ``test``, the split, or a key in ``test_sets`` of ``params.yaml``.

    Raises:
        InputError: if a revision lacks a file, or test sets, references or normalizers differ.
    """
    params = load_params("score", ScoreParams)
    normalizers, files = normalizers_of(test_set, params), files_of(test_set)
    one, other = (
        read_workspace(files) if name == WORKSPACE else read_revision(name, files)
        for name in (first, second)
    )
    check_same_test_set(other.utterances, one.utterances, second, first)
    ids = normalizers.ids(utterance.language for utterance in other.utterances)
    for some in (one, other):
        check_same_normalizers(ids, some.normalizers or {}, "the working tree", some.name)
    scored: list[list[Scored]] = []
    for some in (one, other):
        known = [done.reference for done in scored[0]] if scored else None
        scored.append(score_utterances(
            other.utterances, some.hypotheses, Path(some.name), normalizers, params.script, known
        ))  # fmt: skip
    groups = compare_groups(scored[0], scored[1], ("first", "second"), params, load_seed())
    return SideBySide(groups, {first: one.commit, second: other.commit}, ids)
