"""Table of predicted and measured training steps, and of the errors."""

from typing import Any

from benchmarks.markdown import table_header, table_row


def planning_table(result: dict[str, Any]) -> str:
    """A row for each configuration that did not calibrate."""
    lines = table_header(
        "model", "changed", "CPU s a step: predicted", "measured", "error", "MB: predicted",
        "measured", "error",
    )  # fmt: skip
    for row in result["rows"]:
        kind = f" ({row['kind']})" if row["kind"] else ""
        changes = [f"`train.{key}` {_value(value)}" for key, value in row["changes"].items()]
        cells = []
        for what, digits in (("s", 2), ("mb", 0)):
            cells += [f"{row[f'{which}_{what}']:.{digits}f}" for which in ("predicted", "measured")]
            cells.append(f"{row['time_error' if what == 's' else 'memory_error']:+.0%}")
        title = f"{row['family']}{kind}, {row['weights_m']:g} M weights"
        lines.append(table_row(title, ", ".join(["wider"] * row["wider"] + changes), *cells))
    return "\n".join([*lines, "", *map(_errors, ("time", "memory"), [result] * 2)])


def _errors(what: str, result: dict[str, Any]) -> str:
    found = result["errors"][what]
    return (
        f"Error of the {what}: {found['median']:.0%} in the median, {found['worst']:+.0%} at worst."
    )


def _value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
