"""The slices of the test set as small charts, one a kind of slice, all on one scale."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from asr.report.dots import DotChart, dot_chart, rate_scale
from asr.report.formatting import count, interval, rate
from asr.report.metrics import MODELS, Metrics, SliceRow
from asr.report.tables import Cell, Column, Table, table

MOST_ROWS = 10  # of a chart, those with the highest WER; a kind such as the speaker may have 100


def slice_charts(rows: Sequence[SliceRow]) -> list[DotChart]:
    """WER by slice. A kind that cuts the test set as an earlier one does is left out."""
    kinds: dict[str, list[SliceRow]] = defaultdict(list)
    for row in rows:
        kinds[row.kind].append(row)
    scale = rate_scale(map(_rates, rows), MODELS)
    charts, seen = [], []
    for kind, members in kinds.items():
        cut = [_without_names(row) for row in members]
        if cut in seen:  # such as languages, where each has one corpus
            continue
        seen.append(cut)
        shown = _worst(members)
        title = kind if shown == members else f"{kind}, worst {len(shown)} of {len(members)}"
        groups = [
            (row.value, count(row.score["tuned"]["num_utterances"]), _rates(row)) for row in shown
        ]
        charts.append(dot_chart(title, groups, MODELS, scale))
    return charts


def slice_table(metrics: Metrics, rows: Sequence[SliceRow]) -> Table:
    """All slices of both models, the worst one marked."""
    worst = metrics.score["tuned"]["worst_slice"]
    cells = []
    for row in rows:
        base, tuned = row.score["base"], row.score["tuned"]
        is_worst = bool(worst) and (row.kind, row.value) == (worst["kind"], worst["value"])
        cells.append((
            Cell(f"{row.kind} {row.value}", status="worst" if is_worst else "", tone="unsure"),
            Cell(count(tuned["num_utterances"])),
            *(
                Cell(rate(one["wer"]), interval(one["wer_interval"]), model)
                for model, one in row.score.items()
            ),
            *(Cell(rate(one["cer"])) for one in (base, tuned)),
        ))  # fmt: skip
    names = ("WER, base", "WER, tuned", "CER, base", "CER, tuned")
    columns = (Column("Slice", kind="word"), Column("Utterances"), *map(Column, names))
    return table("Slices of the test set", columns, cells)


def _rates(row: SliceRow) -> dict[str, Any]:
    rates: dict[str, Any] = {}
    for model, score in row.score.items():
        rates |= {model: score["wer"], f"{model}_interval": score["wer_interval"]}
    return rates


def _without_names(row: SliceRow) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in score.items() if key not in ("kind", "value")}
        for score in row.score.values()
    ]


def _worst(rows: list[SliceRow]) -> list[SliceRow]:
    """The rows with the highest WER of the tuned model, in their own order."""
    ranked = sorted(rows, key=lambda row: -(row.score["tuned"]["wer"] or 0.0))[:MOST_ROWS]
    return [row for row in rows if row in ranked]
