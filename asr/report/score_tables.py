"""The scores as tables and charts: models, kinds of errors, views, speed, gates."""

from collections.abc import Sequence
from typing import Any

from asr.report.dots import DotChart, dot_chart
from asr.report.formatting import (
    count,
    interval,
    plural,
    rate,
    signed,
    spaced,
    verdict_words,
)
from asr.report.metrics import MODELS, Metrics, ScoreRow
from asr.report.tables import Cell, Column, Table, table
from asr.report.verdict import tone

UNITS = ("wer", "cer")
KINDS = {
    "substitutions": Column("Substituted", "words heard as another word"),
    "deletions": Column("Deleted", "words not heard"),
    "insertions": Column("Inserted", "words heard that were not said"),
    "num_runaways": Column("Runaways", "utterances whose decoding was cut because it did not end"),
}


def score_table(rows: Sequence[ScoreRow]) -> Table:
    """Both models' rates by test set, with the difference and its verdict."""
    groups = [(row, row.compare) for row in rows]
    return _comparison("The tuned model against the base model", groups, MODELS)


def champion_table(rows: Sequence[ScoreRow]) -> Table | None:
    """The same against the champion; None if there is none."""
    groups = [(row, row.champion) for row in rows if row.champion]
    if not groups:
        return None
    return _comparison("The tuned model against the champion", groups, ("champion", "tuned"))


def _comparison(
    caption: str, groups: Sequence[tuple[ScoreRow, dict[str, Any]]], models: tuple[str, str]
) -> Table:
    columns = [Column("Test set", kind="word")]
    for unit in UNITS:
        name = unit.upper()
        columns += [Column(f"{name}, {model}") for model in models]
        columns.append(Column(f"{name}, difference"))
    rows = [(_group(row), *_rates(compared, models)) for row, compared in groups]
    return table(caption, columns, rows)


def _group(row: ScoreRow) -> Cell:
    score = row.score["tuned"]
    size = f"{plural(score['num_utterances'], 'utterance')}, {plural(score['num_words'], 'word')}"
    return Cell(row.name, size)


def _rates(compared: dict[str, Any], models: tuple[str, str]) -> list[Cell]:
    cells = []
    for unit in UNITS:
        one = compared[unit]
        for model in models:
            cells.append(Cell(rate(one[model], 3), interval(one[f"{model}_interval"]), model))
        ends = interval(one["difference_interval"], sign=True)
        words, how = verdict_words(one["verdict"]), tone(one["verdict"])
        cells.append(Cell(signed(one["difference"], 3), ends, status=words, tone=how))
    return cells


def score_charts(rows: Sequence[ScoreRow]) -> list[DotChart]:
    """WER and CER of all models by test set, as dots with intervals."""
    charts = []
    for unit in UNITS:
        groups = []
        for row in rows:
            champion = row.champion[unit] if row.champion else {}
            rates = {key: value for key, value in champion.items() if key.startswith("champion")}
            groups.append((row.name, "", {**rates, **row.compare[unit]}))
        charts.append(dot_chart(unit.upper(), groups, ("base", "champion", "tuned")))
    return charts


def kinds_table(rows: Sequence[ScoreRow]) -> Table:
    """Counts of the kinds of errors; bars show them per word of the references."""
    longest = max(
        (_share(row.score[m], kind) for row in rows for m in MODELS for kind in KINDS), default=0.0
    )
    cells = [
        (
            Cell(f"{row.name}, {model}", model=model),
            *_kinds(row.score[model], model, longest or 1.0),
        )
        for row in rows
        for model in MODELS
    ]
    columns = (Column("Test set and model", kind="word"), *KINDS.values())
    return table("Kinds of word errors", columns, cells)


def _kinds(score: dict[str, Any], model: str, longest: float) -> list[Cell]:
    return [
        Cell(count(score[kind]), model=model, bar=_share(score, kind) / longest) for kind in KINDS
    ]


def _share(score: dict[str, Any], kind: str) -> float:
    of = score["num_utterances" if kind == "num_runaways" else "num_words"]
    return score[kind] / of if of else 0.0


def views_table(metrics: Metrics) -> Table:
    """The same hypotheses, counted after other normalizations."""
    rows = []
    for name in sorted(metrics.score["tuned"]["views"], key=lambda name: name != "profile"):
        base, tuned = (metrics.score[model]["views"][name] for model in MODELS)
        kinds = ("wer", "cer", "substitution", "deletion", "insertion")
        normalizers = "; ".join(dict.fromkeys(tuned["normalizers"].values()))
        if tuned["num_empty_references"]:
            normalizers += f"; {plural(tuned['num_empty_references'], 'empty reference')}"
        rows.append((
            Cell(spaced(name)),
            Cell(rate(base["wer"]), interval(base["wer_interval"]), "base"),
            *(Cell(rate(tuned[kind]), interval(tuned[f"{kind}_interval"])) for kind in kinds),
            Cell(normalizers),
        ))  # fmt: skip
    names = ("WER, base", "WER, tuned", "CER, tuned", "Substituted", "Deleted", "Inserted")
    columns = (Column("View", kind="word"), *map(Column, names), Column("Normalizer", kind="text"))
    return table("The same hypotheses after other normalizations", columns, rows)


def speed_table(metrics: Metrics) -> Table:
    """How fast either model decoded the test set."""
    columns = (
        Column("Model", kind="word"), Column("Audio"), Column("Decoding"),
        Column("RTFx", "seconds of audio decoded in a second"), Column("Device", kind="word"),
    )  # fmt: skip
    rows = []
    for model in MODELS:
        speed = metrics.speed[model]
        seconds = (f"{speed['audio_s']:.0f} s", f"{speed['decode_s']:.1f} s")
        rows.append((
            Cell(model, model=model), *map(Cell, seconds), Cell(f"{speed['rtfx']:.1f}"),
            Cell(speed["device"]),
        ))  # fmt: skip
    return table("Speed of decoding", columns, rows)


def gates_table(metrics: Metrics) -> Table:
    """The requirements on the tuned model, and whether it meets them."""
    columns = (
        Column("Gate", kind="word"), Column("Threshold"),
        Column("Value"), Column("Status", kind="word"),
    )  # fmt: skip
    rows = [
        (
            Cell(spaced(name), gate["requirement"]),
            Cell(_value(gate["threshold"])),
            Cell(_value(gate["value"])),
            Cell("", status=gate["status"], tone=tone(gate["status"])),
        )
        for name, gate in metrics.gates.items()
    ]
    return table("Requirements on the tuned model", columns, rows)


def _value(value: float | list[str] | None) -> str:
    return ", ".join(value) if isinstance(value, list) else rate(value, 3)
