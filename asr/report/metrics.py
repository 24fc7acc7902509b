"""Read the files in ``metrics/`` and arrange them as rows of the report's tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asr.core.errors import InputError
from asr.core.files import read_json
from asr.report.chart import Scale, linear_scale

MODELS = ("base", "tuned")


@dataclass(frozen=True)
class Metrics:
    """The content of ``metrics/``; ``score`` and ``speed`` are by model, ``gates`` by name.

    ``test_sets`` has for each further test set by name the same ``compare`` and ``score``, and in
    ``data`` what was left out of it.
    """

    data: dict[str, Any]
    compare: dict[str, Any]
    score: dict[str, dict[str, Any]]
    speed: dict[str, dict[str, Any]]
    gates: dict[str, dict[str, Any]]
    test_sets: dict[str, dict[str, Any]]


def read_metrics(
    folder: Path, test_sha256: str, normalizers: dict[str, str], test_sets: Sequence[str]
) -> Metrics:
    """Read all metrics of the base and the tuned model, on test and on further test sets.

    Raises:
        InputError: if a score is of another test set or normalizer; names file and key.
        OSError: if a file can't be read.
    """
    data = read_json(folder / "data.json")
    compare = read_json(folder / "compare.json")
    score = {name: read_json(folder / "score" / f"{name}.json") for name in MODELS}
    speed = {name: read_json(folder / "speed" / f"{name}.json") for name in MODELS}
    scored = {f"score/{name}.json": content for name, content in score.items()}
    for name, content in ({"compare.json": compare} | scored).items():
        for key, expected in (("test_sha256", test_sha256), ("normalizers", normalizers)):
            if content.get(key) != expected:
                raise InputError(
                    f"{folder / name}: {key}: expected {expected!r}, got {content.get(key)!r}"
                )
    gates = read_json(folder / "scorecard.json")["gates"]
    further = {name: read_test_set(folder, name) for name in test_sets}
    return Metrics(data, compare, score, speed, gates, further)


def read_test_set(folder: Path, name: str) -> dict[str, Any]:
    """Read the metrics of a further test set, all of the same utterances.

    Raises:
        InputError: if they are of different ones; names the file.
        OSError: if a file can't be read.
    """
    own = folder / "test_sets" / name
    data, compare = read_json(own / "data.json"), read_json(own / "compare.json")
    score = {model: read_json(own / f"{model}.json") for model in MODELS}
    expected = data["test_sha256"]
    for file, content in {"compare": compare, **score}.items():
        if content["test_sha256"] != expected:
            raise InputError(
                f"{own / file}.json: test_sha256: expected {expected}, got {content['test_sha256']}"
            )
    return {"data": data, "compare": compare, "score": score}


@dataclass(frozen=True)
class ScoreRow:
    """One group of the score table: the comparison of both models, and the scores of each.

    ``champion`` is the comparison of the champion with the tuned model; None if there is none.
    """

    name: str
    compare: dict[str, Any]
    score: dict[str, dict[str, Any]]
    champion: dict[str, Any] | None


def score_rows(metrics: Metrics) -> list[ScoreRow]:
    """Rows overall, by corpus, by language if its numbers are not a corpus's own, by test set."""
    rows: list[ScoreRow] = []
    champion = metrics.compare.get("champion", {}).get("groups", {})
    for name in sorted(metrics.compare["groups"], key=lambda name: (name != "overall", name)):
        compare = metrics.compare["groups"][name]
        if name.startswith("language ") and any(
            row.compare == compare for row in rows if row.name != "overall"
        ):
            continue
        score = {model: metrics.score[model]["groups"][name] for model in MODELS}
        rows.append(ScoreRow(name, compare, score, champion.get(name)))
    for name, found in metrics.test_sets.items():
        score = {model: found["score"][model]["groups"]["overall"] for model in MODELS}
        compare, released = found["compare"]["groups"]["overall"], found["compare"].get("champion")
        against = released["groups"]["overall"] if released else None
        rows.append(ScoreRow(f"test set {name}", compare, score, against))
    return rows


def wer_scale(rows: Sequence[ScoreRow]) -> Scale:
    """Scale from 0 to the highest rate or interval end of all rows, in percent of the chart."""
    wers = [row.compare["wer"] for row in rows]
    ends = [(wer[f"{model}_interval"] or {}).get("high") for wer in wers for model in MODELS]
    rates = [wer[model] for wer in wers for model in MODELS]
    return linear_scale(0.0, max(x or 0.0 for x in ends + rates), 0.0, 100.0, num_ticks=6)


@dataclass(frozen=True)
class SliceRow:
    """One slice of the test set: its kind and value, and the score of each model."""

    kind: str
    value: str
    score: dict[str, dict[str, Any]]


def slice_rows(metrics: Metrics) -> list[SliceRow]:
    """The slices of the score, which are the same ones for all models, in its order."""
    by_model = {model: metrics.score[model]["slices"] for model in MODELS}
    return [
        SliceRow(rows[0]["kind"], rows[0]["value"], dict(zip(MODELS, rows, strict=True)))
        for rows in zip(*by_model.values(), strict=True)
    ]
