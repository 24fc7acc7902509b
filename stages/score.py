"""Compute WER and CER of a model's hypotheses, and copy its decoding speed to metrics."""

import sys
from pathlib import Path

from asr.core.cli import run
from asr.core.files import read_json, sha256_of, write_json
from asr.core.params import load_params, load_seed
from asr.corpora.test_sets import TEST
from asr.scoring.language_model import effect
from asr.scoring.normalizers import normalizers_of
from asr.scoring.params import ScoreParams
from asr.scoring.score import by_group, empty_references, score_utterances, summary
from asr.scoring.slices import score_slices, worst_slice
from asr.scoring.views import score_views
from asr.utterances.hypothesis import read_hypotheses
from asr.utterances.utterance import read_manifest


def score(
    test_set: str, manifest: Path, hypotheses: Path, timing: Path, changes: Path, out: Path,
    speed: Path,
) -> None:  # fmt: skip
    """Compute WER and CER of a model's hypotheses, overall, by slices and in several views.

    Args:
        test_set: ``test``, the split, or a key in ``test_sets`` of ``params.yaml``.
        manifest: of the test set.
        hypotheses: JSONL that the stage ``transcribe`` wrote.
        timing: JSON that it wrote beside them.
        changes: JSON that it wrote beside them, with what a language model changed, and perhaps
            the number of letters that the model can't write.
        out: JSON with the scores.
        speed: JSON with a copy of ``timing``.
    """
    params = load_params("score", ScoreParams)
    seed = load_seed()
    normalizers = normalizers_of(test_set, params)
    utterances, texts = read_manifest(manifest), read_hypotheses(hypotheses)
    scored = score_utterances(utterances, texts, hypotheses, normalizers, params.script)
    groups = {name: summary(group) for name, group in by_group(scored).items()}
    slices = score_slices(scored, params, seed, further=test_set != TEST)
    if empty := empty_references(scored):
        print(
            f"score: {len(empty)} of {len(scored)} references are empty after normalization, "
            f"first {empty[0]!r}; all words of their hypotheses count as errors",
            file=sys.stderr,
        )
    changed = read_json(changes)
    # Without a language model, the file says nothing of one.
    lm = {"language_model": effect(scored, changed, normalizers)} if changed["languages"] else {}
    lacking = {key: changed[key] for key in ("num_unknown_letters",) if key in changed}
    write_json(
        out,
        {
            **lm,
            **lacking,
            "normalizers": normalizers.ids(u.language for u in utterances),
            "test_sha256": sha256_of(manifest),
            "groups": groups,
            "empty_references": empty,
            # Lists, which `dvc metrics diff` leaves out: it would print a line for each number.
            "slices": slices,
            "worst_slice": worst_slice(slices),
            "views": score_views(scored, texts, normalizers, params, seed),
        },
    )
    # In a file of its own, because it differs in every run and the scores don't.
    write_json(speed, read_json(timing))


if __name__ == "__main__":
    run(score)
