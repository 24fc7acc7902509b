"""What tuning may break, before and after: made-up text, loops, other languages, timestamps."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from asr.report.dots import DotChart, dot_chart
from asr.report.formatting import NONE, count, percent, rate, spaced
from asr.report.metrics import MODELS
from asr.report.tables import Cell, Column, Table, table

Guards = Mapping[str, Any]  # metrics/guards.json: by model what each guard measured
NUM_EXAMPLES = 8  # of text without speech and of loops, of each model


def guards_table(guards: Guards) -> Table:
    """One row a measure, with the base and the tuned model side by side."""
    rows = [
        _row("Text without speech, characters a minute", guards, _per_minute),
        _row("Hypotheses with a loop", guards, lambda one: percent(one["loops"]["share"], 1)),
        _row("Loops in joined recordings", guards, _joined),
    ]
    if all("memorised" in guards[model] for model in MODELS):
        title = "Hypotheses that are another clip's transcript of training"
        rows.append(_row(title, guards, lambda one: percent(one["memorised"]["share"], 1)))
    for name in guards["tuned"]["forgetting"]:
        rows += _other_speech(guards, name)
    if any(guards[model]["timestamps"] for model in MODELS):
        rows += [_timestamps(guards, key) for key in ("valid", "inside", "text_kept")]
    columns = (Column("Measure", kind="word"), Column("Before (base)"), Column("After (tuned)"))
    return table("Guards, before and after tuning", columns, rows)


def guard_charts(guards: Guards) -> list[DotChart]:
    """Text without speech by kind of sound, and WER of other languages, before and after."""
    sounds = {m: guards[m]["hallucination"]["by_sound"] for m in MODELS}
    others = {
        model: {name: one["wer"] for name, one in guards[model]["forgetting"].items()}
        for model in MODELS
    }
    titles = {"Text without speech, characters a minute": sounds, "WER of other speech": others}
    return [
        dot_chart(title, [
            (spaced(name), "", {model: by_name[model].get(name) for model in MODELS})
            for name in by_name["tuned"]
        ], MODELS)
        for title, by_name in titles.items()
        if by_name["tuned"]
    ]  # fmt: skip


def phrases_table(guards: Guards) -> Table | None:
    """Phrases that models are known to make up, with counts; None if there are none."""
    found = {model: guards[model]["hallucination"]["phantom_phrases"] for model in MODELS}
    names = sorted({name for counts in found.values() for name in counts})
    if not names:
        return None
    rows = [
        (Cell(name), *(Cell(count(found[model].get(name, 0)), model=model) for model in MODELS))
        for name in names
    ]
    columns = (Column("Phrase", kind="word"), Column("Before (base)"), Column("After (tuned)"))
    return table("Phrases made up where nobody speaks", columns, rows)


def examples_table(guards: Guards) -> Table | None:
    """What the models wrote without speech, and their loops; None if there are none."""
    rows = [row for model in MODELS for row in _examples(model, guards[model])]
    if not rows:
        return None
    columns = (
        Column("Model", kind="word"), Column("Heard", kind="word"), Column("Written", kind="text"),
    )  # fmt: skip
    return table("What was written without speech, and loops", columns, rows)


def _examples(model: str, measured: Mapping[str, Any]) -> Iterable[tuple[Cell, ...]]:
    for one in measured["hallucination"]["examples"][:NUM_EXAMPLES]:
        yield Cell(model, model=model), Cell(spaced(one["sound"])), Cell(one["text"])
    for one in measured["loops"]["examples"][:NUM_EXAMPLES]:
        yield Cell(model, model=model), Cell(one["utterance_id"]), Cell(one["text"])


def _row(name: str, guards: Guards, write: Callable[[Mapping[str, Any]], str]) -> tuple[Cell, ...]:
    return Cell(name), *(Cell(write(guards[model]), model=model) for model in MODELS)


def _per_minute(measured: Mapping[str, Any]) -> str:
    return rate(measured["hallucination"]["chars_per_minute"], 1)


def _joined(measured: Mapping[str, Any]) -> str:
    joined = measured["loops"]["joined"]
    return f"{count(joined['num_loops'])} of {count(joined['num_recordings'])}"


def _other_speech(guards: Guards, name: str) -> list[tuple[Cell, ...]]:
    """WER of other speech and, if the model names languages, how often it is right."""
    rows = [
        _row(f"WER of {spaced(name)}", guards, lambda one: rate(one["forgetting"][name]["wer"]))
    ]
    accuracy = "language_accuracy"
    if any(guards[model]["forgetting"][name][accuracy] is not None for model in MODELS):
        title = f"Language of {spaced(name)} named right"
        rows.append(_row(title, guards, lambda one: percent(one["forgetting"][name][accuracy])))
    return rows


def _timestamps(guards: Guards, key: str) -> tuple[Cell, ...]:
    def write(measured: Mapping[str, Any]) -> str:
        return percent(measured["timestamps"][key]) if measured["timestamps"] else NONE

    return _row(f"Timestamps: {spaced(key)}", guards, write)
