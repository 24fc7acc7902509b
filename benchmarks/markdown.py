"""Markdown tables."""


def table_header(*columns: str) -> list[str]:
    """The first two lines of a Markdown table."""
    return [table_row(*columns), "|" + "---|" * len(columns)]


def table_row(*cells: str) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(cells)} |"
