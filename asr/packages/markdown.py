"""Text of data and params as Markdown that shows it as it is; no value of them is markup."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from asr.report.formatting import visible

# What Markdown or the hub would read as markup: tables, links, code, HTML, mentions, formulas.
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#@~$!])")


class Markdown(str):
    """Text that is Markdown already, so that ``escaped`` leaves it."""

    __slots__ = ()


def escaped(value: Any) -> Markdown:
    """A value in one line; control characters become visible."""
    if isinstance(value, Markdown):
        return value
    return Markdown(_SPECIAL.sub(r"\\\1", " ".join(visible(str(value)).split())))


def table(titles: Sequence[str], rows: Iterable[Sequence[Any]]) -> Markdown:
    """A table; cells are escaped."""
    lines = [titles, ["---"] * len(titles), *rows]
    return Markdown("\n".join(f"| {' | '.join(map(escaped, line))} |" for line in lines))
