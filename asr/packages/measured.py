"""What was measured of the tuned model: the files of ``metrics/`` that a package needs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asr.core.errors import InputError
from asr.core.files import read_json

MODELS = ("base", "tuned")
RATES = ("wer", "cer")
FIGURES = ("num_utterances", "num_words", "num_runaways")
TEST = "test"


@dataclass(frozen=True)
class Measured:
    """The content of ``metrics/``.

    Attributes:
        score: by model.
        test_sets: by name, of the further test sets: data, compare, and the score of both models.
    """

    score: dict[str, dict[str, Any]]
    compare: dict[str, Any]
    gates: dict[str, dict[str, Any]]
    guards: dict[str, Any]
    alignment: dict[str, Any]
    labels: dict[str, Any]
    parity: dict[str, Any]
    test_sets: dict[str, dict[str, Any]]


def read_measured(folder: Path, test_sets: Iterable[str], test_sha256: str) -> Measured:
    """Read them.

    Raises:
        InputError: if a score is of other utterances than the test set's; names file and key.
        OSError: if a file is missing.
    """
    found = Measured(
        score={name: read_json(folder / "score" / f"{name}.json") for name in MODELS},
        compare=read_json(folder / "compare.json"),
        gates=read_json(folder / "scorecard.json")["gates"],
        guards=read_json(folder / "guards.json"),
        alignment=read_json(folder / "alignment.json"),
        labels=read_json(folder / "train.json")["labels"],
        parity=read_json(folder / "parity.json"),
        test_sets={name: _read_test_set(folder / "test_sets" / name) for name in test_sets},
    )
    scores = {f"score/{name}.json": score for name, score in found.score.items()}
    for file, content in {**scores, "compare.json": found.compare}.items():
        _check_test_set(folder / file, content, test_sha256)
    return found


def scores(measured: Measured) -> dict[str, dict[str, Any]]:
    """By test set and group, such as ``test, corpus be``: both models' rates and the difference."""
    found = {}
    groups = measured.compare["groups"]
    corpora = [one for name, one in groups.items() if name.startswith("corpus ")]
    for name, compared in groups.items():
        if name.startswith("language ") and compared in corpora:
            continue
        title = TEST if name == "overall" else f"{TEST}, {name}"
        by_model = {model: measured.score[model]["groups"][name] for model in MODELS}
        found[title] = _score(compared, by_model)
    for name, one in measured.test_sets.items():
        by_model = {model: one[model]["groups"]["overall"] for model in MODELS}
        found[name] = _score(one["compare"]["groups"]["overall"], by_model)
    return found


def slices(measured: Measured) -> list[dict[str, Any]]:
    """The slices of the test set: kind, value, count, and WER and CER with intervals.

    Corpora and languages are among the scores already.
    """
    keys = ("kind", "value", "num_utterances", "wer", "wer_interval", "cer", "cer_interval")
    return [
        {key: row[key] for key in keys}
        for row in measured.score["tuned"]["slices"]
        if row["kind"] not in ("corpus", "language")
    ]


def guards_without_examples(guards: Mapping[str, Any]) -> dict[str, Any]:
    """The guards' figures. Examples hold transcripts and ids of recordings: data, not figures."""
    return {
        model: {
            name: {key: value for key, value in one.items() if key != "examples"} if one else one
            for name, one in by_guard.items()
        }
        for model, by_guard in guards.items()
    }


def _score(compared: Mapping[str, Any], by_model: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {rate: compared[rate] for rate in RATES}
    for model, one in by_model.items():
        found[model] = {key: one[key] for key in FIGURES}
    return found


def _read_test_set(folder: Path) -> dict[str, Any]:
    found = {name: read_json(folder / f"{name}.json") for name in ("data", "compare", *MODELS)}
    for name in ("compare", *MODELS):
        _check_test_set(folder / f"{name}.json", found[name], found["data"]["test_sha256"])
    return found


def _check_test_set(path: Path, content: Mapping[str, Any], expected: str) -> None:
    if content["test_sha256"] != expected:
        raise InputError(f"{path}: test_sha256: expected {expected}, got {content['test_sha256']}")
