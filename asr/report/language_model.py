"""What the language model changed in the tuned model's hypotheses, as a table with examples."""

from typing import Any

from asr.report.formatting import count, rate
from asr.report.metrics import Metrics
from asr.report.tables import Cell, Column, table


def changes(metrics: Metrics) -> dict[str, Any] | None:
    """The ``table`` by language and the ``examples``; None if decoding used no language model."""
    found = metrics.score["tuned"].get("language_model")
    if not found:
        return None
    rows = [
        (
            Cell(language), Cell(rate(one["wer_without"])), Cell(rate(one["wer_with"])),
            *(Cell(count(one[key])) for key in ("num_changed", "words_gained", "words_lost")),
        )
        for language, one in found["languages"].items()
    ]  # fmt: skip
    names = ("WER without", "WER with", "Utterances changed", "Words gained", "Words lost")
    columns = (Column("Language", kind="word"), *map(Column, names))
    caption = "The tuned model without and with the language model"
    return {"table": table(caption, columns, rows), "examples": found["examples"]}
