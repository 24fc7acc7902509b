"""Render the report as one HTML file without network requests; equal runs give equal bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from asr.audit.table import Suspect
from asr.report import chart
from asr.report.chart import Panel
from asr.report.metrics import Metrics, score_rows, slice_rows, wer_scale
from asr.report.word_diff import confusions, word_diff
from asr.report.worst import Example
from asr.scoring.score import Scored
from asr.scoring.views import VIEWS

TEMPLATE = Path(__file__).with_name("page.html.j2")
NUM_CONFUSIONS = 20
MOST_WORDS = 40  # of a hypothesis; the rest is collapsed, since a loop may have hundreds
MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"
VERDICTS = {"inconclusive": "no sure difference"}  # the others as they are


@dataclass(frozen=True)
class Results:
    """The content of the page."""

    metrics: Metrics
    base: Sequence[Scored]
    tuned: Sequence[Scored]
    examples: Sequence[Example]
    suspects: Sequence[tuple[Suspect, str]]  # each with its audio as a data: URI
    panels: Sequence[Panel]


def render(results: Results) -> str:
    """The page as HTML."""
    loader = FileSystemLoader(TEMPLATE.parent)
    # Transcripts are untrusted, so escape them. select_autoescape would not do so for .j2.
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "rate": rate, "signed": signed, "interval": interval, "count": count, "words": verdict_words
    }  # fmt: skip
    rows = score_rows(results.metrics)
    slices = slice_rows(results.metrics)
    diffs = (word_diff(one.reference, one.hypothesis) for one in results.tuned)
    return environment.get_template(TEMPLATE.name).render(
        results=results,
        metrics=results.metrics,
        rows=rows,
        scale=wer_scale(rows),
        slices=slices,
        views=VIEWS,
        worst=results.metrics.score["tuned"]["worst_slice"],
        longest_bar=max(
            (one["wer"] or 0 for row in slices for one in row.score.values()), default=0
        )
        or 1,
        most_words=MOST_WORDS,
        # One or none.
        language_models=list(filter(None, [results.metrics.score["tuned"].get("language_model")])),
        confusions=confusions(diffs, NUM_CONFUSIONS),
        corpora=sorted({example.utterance.corpus for example in results.examples}),
        chart=chart,
    )


def rate(value: float | None, digits: int = 2) -> str:
    """Format a fraction such as 0.41; None becomes a dash."""
    return NONE if value is None else f"{value:.{digits}f}".replace("-", MINUS)


def signed(value: float | None, digits: int = 2) -> str:
    """Format a fraction with its sign, such as +0.41; None becomes a dash."""
    return NONE if value is None else f"{value:+.{digits}f}".replace("-", MINUS)


def interval(ends: dict[str, float | None] | None, sign: bool = False) -> str:
    """Format an interval, such as [0.38, 0.44]; None becomes nothing."""
    if ends is None:
        return ""
    write = signed if sign else rate
    return f"[{write(ends['low'])}, {write(ends['high'])}]"


def count(value: int) -> str:
    """Format a count with a narrow space between thousands."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def verdict_words(verdict: str) -> str:
    """Translate a verdict of stage ``compare`` for the page."""
    return VERDICTS.get(verdict, verdict)
