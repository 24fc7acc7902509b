"""The report in short, as Markdown for a pull request."""

import re
from collections.abc import Iterable

from asr.report.formatting import visible
from asr.report.guards import guards_table
from asr.report.metrics import Metrics
from asr.report.score_tables import gates_table
from asr.report.tables import Cell, Table
from asr.report.verdict import headline, verdict_sentences

# What Markdown or GitHub would read as markup: tables, links, code, HTML, mentions, issue numbers.
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#@~$])")


def markdown_page(metrics: Metrics, scores: str) -> str:
    """The verdict, the scores, the scorecard and the guards.

    Args:
        metrics: see ``read_metrics``.
        scores: the table of scores, in Markdown.
    """
    sentences = [f"- {escaped(sentence)}" for sentence in verdict_sentences(metrics)]
    parts = [f"## {escaped(str(headline(metrics)))}", "\n".join(sentences), "### Scores", scores]
    if metrics.gates:
        parts += ["### Scorecard", markdown_of(gates_table(metrics))]
    if metrics.guards:
        parts += ["### Guards, before and after tuning", markdown_of(guards_table(metrics.guards))]
    return "\n\n".join(parts)


def markdown_of(one: Table) -> str:
    """A table in Markdown, numbers aligned to the right."""
    titles = (escaped(column.title) for column in one.columns)
    rules = ("---:" if column.kind == "number" else "---" for column in one.columns)
    rows = [(_cell(first, ": "), *map(_cell, others)) for first, *others in one.rows]
    return "\n".join(map(_line, [titles, rules, *rows]))


def escaped(text: str) -> str:
    """A text that Markdown shows as it is, in one line; control characters become visible."""
    return _SPECIAL.sub(r"\\\1", " ".join(visible(text).split()))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell, separator: str = " ") -> str:
    return separator.join(escaped(part) for part in (cell.text, cell.note, cell.status) if part)
