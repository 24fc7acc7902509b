"""Compute how much better the tuned model is, with confidence intervals."""

from pathlib import Path
from typing import Any

from asr.champion.champion import read_champion
from asr.champion.same_test_set import check_same_normalizers
from asr.core.cli import run
from asr.core.files import sha256_of, write_json
from asr.core.params import load_params, load_seed
from asr.scoring.compare import compare_groups
from asr.scoring.normalizers import normalizers_of
from asr.scoring.params import ScoreParams
from asr.scoring.score import score_utterances
from asr.utterances.hypothesis import read_hypotheses
from asr.utterances.utterance import read_manifest


def compare(
    test_set: str, manifest: Path, base: Path, tuned: Path, champion: Path, out: Path
) -> None:
    """Compare the tuned model with the base model, and with the champion if there is one.

    Args:
        test_set: ``test``, the split, or a key in ``test_sets`` of ``params.yaml``.
        manifest: of the test set.
        base: hypotheses of the base model.
        tuned: hypotheses of the tuned model.
        champion: folder that the stage ``champion`` wrote.
        out: JSON with rates, differences and intervals, overall and by corpus and language.
    """
    params = load_params("score", ScoreParams)
    seed = load_seed()
    normalizers = normalizers_of(test_set, params)
    utterances = read_manifest(manifest)
    ids = normalizers.ids(u.language for u in utterances)
    before = score_utterances(utterances, read_hypotheses(base), base, normalizers, params.script)
    references = [one.reference for one in before]
    after = score_utterances(
        utterances, read_hypotheses(tuned), tuned, normalizers, params.script, references
    )
    against: dict[str, Any] = {}
    if released := read_champion(champion):
        if released.normalizers is not None:
            check_same_normalizers(ids, released.normalizers, "tuned", str(released.source["name"]))
        scored = score_utterances(
            utterances, released.hypotheses, released.path, normalizers, params.script, references
        )
        groups = compare_groups(scored, after, ("champion", "tuned"), params, seed)
        against = {"champion": {**released.source, "groups": groups}}
    write_json(
        out,
        {
            **against,
            "normalizers": ids,
            "test_sha256": sha256_of(manifest),
            "confidence": params.confidence,
            "min_effect": params.min_effect,
            "groups": compare_groups(before, after, ("base", "tuned"), params, seed),
        },
    )


if __name__ == "__main__":
    run(compare)
