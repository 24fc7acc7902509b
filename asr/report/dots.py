"""Lay out charts of dots with intervals, one row a group, in percent of the chart's width."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from asr.report.chart import Scale, linear_scale
from asr.report.formatting import NONE, interval, rate

Rates = dict[str, Any]  # model: its rate; model + "_interval": its interval or None


@dataclass(frozen=True)
class Dot:
    """One model's rate; ``low`` and ``high`` are the interval's ends, None if there is none."""

    model: str
    x: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class DotRow:
    """One group: its name, a note such as its size, its dots, and both rates in words."""

    name: str
    note: str
    dots: tuple[Dot, ...]
    summary: str


@dataclass(frozen=True)
class DotChart:
    """A chart; ``ticks`` are places in percent with their labels."""

    title: str
    rows: tuple[DotRow, ...]
    ticks: tuple[tuple[float, str], ...]


def rate_scale(groups: Iterable[Rates], models: Sequence[str]) -> Scale:
    """A scale in percent, from 0 to the highest rate or interval end."""
    ends = [0.0]
    for rates in groups:
        for model in models:
            around = rates.get(f"{model}_interval") or {}
            ends += [rates.get(model) or 0.0, around.get("high") or 0.0]
    return linear_scale(0.0, max(ends), 0.0, 100.0, num_ticks=6)


def dot_chart(
    title: str,
    groups: Sequence[tuple[str, str, Rates]],
    models: Sequence[str],
    scale: Scale | None = None,
    write: Callable[[float], str] = rate,
) -> DotChart:
    """Lay out a chart.

    Args:
        title: heading.
        groups: name, note and rates of each row.
        models: those shown, if a row has them.
        scale: in percent; by default one that holds all rates.
        write: formats a rate.
    """
    x = scale or rate_scale((rates for _, _, rates in groups), models)
    rows = tuple(
        DotRow(
            name,
            note,
            tuple(_dot(model, rates, x) for model in models if rates.get(model) is not None),
            "; ".join(_words(model, rates, write) for model in models if model in rates),
        )
        for name, note, rates in groups
    )
    return DotChart(title, rows, tuple((x(tick), f"{tick:g}") for tick in x.ticks))


def _dot(model: str, rates: Rates, x: Scale) -> Dot:
    around = rates.get(f"{model}_interval")
    low, high = (x(around["low"]), x(around["high"])) if around else (None, None)
    return Dot(model, x(rates[model]), low, high)


def _words(model: str, rates: Rates, write: Callable[[float], str]) -> str:
    value = rates[model]
    words = f"{model} {NONE if value is None else write(value)}"
    return f"{words} {interval(rates.get(f'{model}_interval'))}".rstrip()
