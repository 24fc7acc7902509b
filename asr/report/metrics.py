"""Read the files in ``metrics/`` and arrange them as rows of the report's tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asr.core.errors import InputError
from asr.core.files import read_json

MODELS = ("base", "tuned")


@dataclass(frozen=True)
class Metrics:
    """The content of ``metrics/``; ``score`` and ``speed`` are by model, ``gates`` by name.

    ``test_sets`` has for each further test set by name the same ``compare`` and ``score``, and in
    ``data`` what was left out of it. ``guards`` is None if the guards were not measured.
    """

    data: dict[str, Any]
    compare: dict[str, Any]
    score: dict[str, dict[str, Any]]
    speed: dict[str, dict[str, Any]]
    gates: dict[str, dict[str, Any]]
    test_sets: dict[str, dict[str, Any]]
    guards: dict[str, Any] | None


def read_metrics(folder: Path, test_sets: Sequence[str]) -> Metrics:
    """Read all metrics of the base and the tuned model, on test and on further test sets.

    Raises:
        OSError: if a file can't be read.
    """
    further = {name: read_test_set(folder, name) for name in test_sets}
    guards = folder / "guards.json"
    return Metrics(
        data=read_json(folder / "data.json"),
        compare=read_json(folder / "compare.json"),
        score={name: read_json(folder / "score" / f"{name}.json") for name in MODELS},
        speed={name: read_json(folder / "speed" / f"{name}.json") for name in MODELS},
        gates=read_json(folder / "scorecard.json")["gates"],
        test_sets=further,
        guards=read_json(guards) if guards.is_file() else None,
    )


def check_metrics(
    folder: Path, metrics: Metrics, test_sha256: str, normalizers: dict[str, str]
) -> None:
    """Check that scores are of the utterances and hypotheses that the page shows.

    Raises:
        InputError: if a score is of another test set or normalizer; names file and key.
    """
    scored = {f"score/{name}.json": content for name, content in metrics.score.items()}
    for name, content in ({"compare.json": metrics.compare} | scored).items():
        for key, expected in (("test_sha256", test_sha256), ("normalizers", normalizers)):
            if content.get(key) != expected:
                raise InputError(
                    f"{folder / name}: {key}: expected {expected!r}, got {content.get(key)!r}"
                )


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
