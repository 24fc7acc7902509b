"""Write one HTML page with scores, curves and the worst utterances with audio."""

from pathlib import Path

from asr.alignment.table import read_aligned
from asr.audit.table import Suspect
from asr.core.cli import run
from asr.core.files import atomic_file, sha256_of
from asr.core.params import load_params
from asr.core.pull import pull_missing
from asr.corpora.test_sets import test_set_names
from asr.report.metrics import MODELS, check_metrics, read_metrics
from asr.report.page import Results, render
from asr.report.params import ReportParams
from asr.report.suspects import worst_suspects
from asr.report.sweeps import read_sweeps
from asr.report.training_curves import training_panels
from asr.report.worst import examples_of, right_pairs, worst_pairs
from asr.scoring.normalizers import Normalizers
from asr.scoring.params import ScoreParams
from asr.scoring.score import score_utterances
from asr.utterances.hypothesis import read_hypotheses
from asr.utterances.jsonl import read_jsonl
from asr.utterances.utterance import read_manifest

NUM_RIGHT = 3  # utterances without an error that are shown too


def report(
    manifest: Path, prepared: Path, suspects: Path, hypotheses: Path, alignment: Path,
    metrics: Path, curves: Path, sweeps: Path, out: Path,
) -> None:  # fmt: skip
    """Write one HTML page with scores, curves and the worst utterances with audio.

    Args:
        manifest: of the test set.
        prepared: ``data/prepared``, with one folder a corpus.
        suspects: JSONL of the utterances that the audit flagged.
        hypotheses: folder with ``base.jsonl`` and ``tuned.jsonl``.
        alignment: JSONL of the test set's words with their times.
        metrics: folder with the JSON files of split, score and compare.
        curves: folder with ``train.csv`` and ``dev.csv``.
        sweeps: folder with the results of sweeps, if there are any.
        out: HTML page.
    """
    shown = load_params("report", ReportParams)
    params = load_params("score", ScoreParams)
    normalizers = Normalizers(params.normalizers, params.script)
    utterances, doubted = read_manifest(manifest), read_jsonl(suspects, Suspect)
    pull_missing(prepared / corpus for corpus in {one.corpus for one in (*utterances, *doubted)})
    found = read_metrics(metrics, test_set_names())
    ids = normalizers.ids(u.language for u in utterances)
    check_metrics(metrics, found, sha256_of(manifest), ids)
    paths = {model: hypotheses / f"{model}.jsonl" for model in MODELS}
    heard = {model: read_hypotheses(path) for model, path in paths.items()}
    base = score_utterances(utterances, heard["base"], paths["base"], normalizers, params.script)
    references = [one.reference for one in base]
    tuned = score_utterances(
        utterances, heard["tuned"], paths["tuned"], normalizers, params.script, references
    )
    spoken = {name: one.words for name, one in read_aligned(alignment).items()}
    worst = worst_pairs(base, tuned, shown.num_worst)
    right = right_pairs(base, tuned, NUM_RIGHT)
    page = render(
        Results(
            metrics=found,
            base=base,
            tuned=tuned,
            examples=examples_of(worst, heard, spoken, prepared),
            right=examples_of(right, heard, spoken, prepared),
            suspects=doubted,
            shown_suspects=worst_suspects(doubted, prepared, shown.num_suspects),
            panels=training_panels(curves),
            sweeps=read_sweeps(sweeps),
        )
    )
    with atomic_file(out) as partial:
        partial.write_text(page, encoding="utf-8")
    print(f"report: {out}, {out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    run(report)
