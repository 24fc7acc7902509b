"""The benchmark tables: ``python -m benchmarks.tables`` writes them from the results.

All tables go to ``docs/benchmarks.md``, but those of forgetting and of the language model to
``docs/training.md``, of word times to ``docs/word_times.md``, of ranking to
``docs/predictions.md``, of servers to ``docs/serving.md``, and six rows to README. A corpus without
results has no column, so benchmarks can run one by one.
"""

import json
from pathlib import Path
from typing import Any

from benchmarks.markdown import table_header, table_row
from benchmarks.measure import RESULTS
from benchmarks.planning_table import planning_table
from benchmarks.serving_table import serving_table
from benchmarks.size_tables import hours_table, million_table, pushing_table

CORPORA = {"starter": "starter clips", "cv": "like Common Voice", "long": "long clips"}
LEAD = (
    "Two cores. Times faster is the ratio of CPU seconds a clip, in round brackets that of wall "
    "seconds: the median over rounds in which all tools ran in turn."
)
Results = dict[str, Any]  # content of ``benchmarks/results/`` by name


def benchmark_table(results: Results) -> str:
    """All tables of ``docs/benchmarks.md``, in Markdown."""
    sections = {
        "training": [*_lengths(results, "training"), "", *_training(results)],
        "decoding": [*_lengths(results, "decoding"), "", *_decoding(results)],
        "step": _step(results["step"]) if "step" in results else [],
        "context": _context(results["context"]) if "context" in results else [],
        "quality": _quality(results["quality"]) if "quality" in results else [],
        "scoring": _scoring(results["scoring"]) if "scoring" in results else [],
        "hours": hours_table(results["hours"]) if "hours" in results else [],
        "million": million_table(results["million"]) if "million" in results else [],
        "pushing": pushing_table(results["pushing"]) if "pushing" in results else [],
    }
    measured = {name.partition("_")[0] for name in results}
    tables = ["\n".join(lines) for name, lines in sections.items() if name in measured]
    return "\n\n".join([LEAD, *tables])


def _lengths(results: Results, kind: str) -> list[str]:
    """A line with the clips' durations, on which speed depends."""
    lengths = [
        f"{title} {facts['mean_s']} s in the mean ({facts['shortest_s']} to {facts['longest_s']} s)"
        for name, title in CORPORA.items()
        if (facts := results.get(f"{kind}_{name}", {}).get("clips"))
    ]
    return [f"Lengths, {kind}: {', '.join(lengths)}."]


def _measured(results: Results, kind: str) -> dict[str, str]:
    """Titles of the corpora that have a result of this kind."""
    return {name: title for name, title in CORPORA.items() if f"{kind}_{name}" in results}


def _training(results: Results) -> list[str]:
    titles = _measured(results, "training")
    corpora = {name: results[f"training_{name}"]["tune"] for name in titles}
    lines = table_header(
        "training, times faster than transformers' Seq2SeqTrainer on 30 s", *titles.values(),
        "peak MB (standard)",
    )  # fmt: skip
    tunes = {tune: row for rows in reversed(corpora.values()) for tune, row in rows.items()}
    for tune, trainers in tunes.items():
        for name in (trainer for trainer in trainers if trainer != "standard"):
            cells = [_times(corpora[c].get(tune, {}).get(name), "times_standard") for c in titles]
            memory = f"{trainers[name]['peak_mb']} ({trainers['standard']['peak_mb']})"
            lines.append(table_row(f"{tune}, {name}", *cells, memory))
    return lines


def _decoding(results: Results) -> list[str]:
    titles = _measured(results, "decoding")
    lines = table_header(
        "decoding, against faster-whisper int8",
        *(f"{title}: {what}" for title in titles.values() for what in ("faster", "WER")),
        "peak MB of each",
    )
    for model in ("tuned", "base"):
        corpora = {name: results[f"decoding_{name}"].get(model, {}) for name in titles}
        for tool in dict.fromkeys(tool for rows in corpora.values() for tool in rows):
            found = [corpora[name].get(tool) for name in titles]
            cells = [cell for row in found for cell in (_times(row, "times_int8"), _wer(row))]
            peaks = ", ".join(str(row["peak_mb"]) if row else "–" for row in found)
            lines.append(table_row(f"{model} model: {tool}", *cells, peaks))
    note = (
        "WER with its difference from faster-whisper int8's on the same clips, and 95 % interval."
    )
    return [*lines, "", note]


def _step(result: Results) -> list[str]:
    steps = result["steps"]
    titles = (f"{step['tune']}, {step['trainer']}: {CORPORA[step['corpus']]}" for step in steps)
    lines = table_header("share of a training step, one thread", *titles)
    for part in dict.fromkeys(part for step in steps for part in step["shares"]):
        shares = (step["shares"].get(part) for step in steps)
        lines.append(
            table_row(part, *("–" if share is None else f"{share:.1%}" for share in shares))
        )
    lines.append(table_row("GFLOP a clip", *(f"{step['gflop_a_clip']:.1f}" for step in steps)))
    peak = f"share of the matrix product's peak, {result['peak_gflops']:.0f} GFLOP/s"
    return [*lines, table_row(peak, *(f"{step['share_of_peak']:.0%}" for step in steps))]


def _context(context: Results) -> list[str]:
    lines = table_header("decoded in", "trained", "WER", "difference from the default", "runaways")
    for row in context["rows"]:
        difference = _interval(row["difference"])
        runaways = f"{row['runaways']} of {context['clips']['count']}"
        lines.append(
            table_row(row["decoding"], row["model"], f"{row['wer']:.3f}", difference, runaways)
        )
    return lines


def _quality(result: Results) -> list[str]:
    lines = table_header("trained", "steps", "CPU minutes", "WER on dev", "CER on dev")
    for name, way in result["ways"].items():
        last = way["points"][-1]
        minutes, rates = last["cpu_s"] / 60, (f"{last[key]:.3f}" for key in ("wer", "cer"))
        lines.append(table_row(name, str(way["steps"]), f"{minutes:.1f}", *rates))
    return lines


def _scoring(result: Results) -> list[str]:
    lines = table_header(f"{result['clips']:,} utterances", "CPU seconds", "peak MB")
    stages, counting = result["stages"], result["counting"]
    for name, models in (("score", "one model"), ("compare", "two models")):
        row = stages[name]
        cells = f"{row['cpu_s']:.0f}", f"{row['peak_mb']:.0f}"
        lines.append(table_row(f"stage `{name}`, {models}", *cells))
    for name, title in (
        ("ours", "of it, counting errors of one model"),
        ("jiwer", "jiwer on the same texts"),
    ):
        lines.append(table_row(title, f"{counting[name]['cpu_s']:.1f}", "–"))
    return lines


def word_times_table(result: Results) -> str:
    """Errors of word times by method and condition."""
    conditions = result["conditions"]
    lines = table_header("", *conditions, "CPU s a minute of speech, clean")
    for method in conditions["clean"]:
        rows = [condition[method] for condition in conditions.values()]
        cells = [f"{row['mean_ms']}, {100 * row['within']['100']:.0f} %" for row in rows]
        lines.append(table_row(method, *cells, f"{conditions['clean'][method]['cpu_s_a_minute']}"))
    return "\n".join(lines)


def forgetting_table(result: Results) -> str:
    """WER by language and share of replay, with the difference from the model tuned without."""
    rows = {row["model"]: row for row in result["rows"]}
    languages, without = ("ru", "es", "be", "bg"), rows["0.0"]
    lines = table_header("test WER", *languages)
    for name, row in rows.items():
        cells = []
        for language in languages:
            scores = row[language]
            cell = f"{scores['wer']:.3f}"
            if name not in ("base", "0.0"):
                mean = scores["wer"] - without[language]["wer"]
                cell += f" ({_interval({'mean': mean, **scores})})"
            cells.append(cell)
        title = "before tuning" if name == "base" else f"replay {float(name):.0%}"
        lines.append(table_row(title, *cells))
    return "\n".join(lines)


def guards_table(guards: Results) -> str:
    """What tuning broke: figures of base and tuned model, from ``metrics/guards.json``."""
    models = [guards[name] for name in ("base", "tuned")]
    rows: list[tuple[str, list[str]]] = []

    def row(title: str, *keys: str, digits: int = 3) -> None:
        cells = []
        for model in models:
            value: Any = model
            for key in keys:
                value = value and value[key]
            cells.append("–" if value is None else f"{value:.{digits}f}")
        rows.append((title, cells))

    row("characters a minute without speech", "hallucination", "chars_per_minute", digits=0)
    for sound in models[0]["hallucination"]["by_sound"]:
        row(f"… {sound.replace('_', ' ')}", "hallucination", "by_sound", sound, digits=0)
    rows.append(("known phantom phrases", [_num_phrases(model) for model in models]))
    row("share of test hypotheses that loop", "loops", "share")
    rows.append(("long recordings that loop", [_num_joined_loops(model) for model in models]))
    for name in models[0]["forgetting"]:
        row(f"WER of {name}", "forgetting", name, "wer")
    for name in models[0]["forgetting"]:
        row(f"clips of {name} recognised as such", "forgetting", name, "language_accuracy")
    row("clips with timestamps in order", "timestamps", "valid")
    row("… and inside the clip", "timestamps", "inside")
    row("… whose text has its end", "timestamps", "text_kept")
    row("share of test hypotheses learned by heart", "memorised", "share")
    lines = table_header("guard", "base", "tuned")
    return "\n".join([*lines, *(table_row(title, *cells) for title, cells in rows)])


def _num_phrases(model: Results) -> str:
    return str(sum(model["hallucination"]["phantom_phrases"].values()))


def _num_joined_loops(model: Results) -> str:
    joined = model["loops"]["joined"]
    return f"{joined['num_loops']} of {joined['num_recordings']}"


def language_model_table(result: Results) -> str:
    """WER on test with a language model from text, by its words and the candidates of a clip."""
    lines = table_header("language", "candidates", "dictionary words", "without", "with", "CPU s")
    for row in result["rows"]:
        change = f"{row['wer']:.3f} ({_interval(row['wer_difference'])})"
        decode_s = result["decode_cpu_s"][str(row["candidates"])]
        seconds = f"{decode_s:.0f} + {row['build_cpu_s'] + row['choose_cpu_s']:.0f}"
        cells = (row["language"], str(row["candidates"]), str(row["words"]))
        lines.append(table_row(*cells, f"{row['wer_without']:.3f}", change, seconds))
    return "\n".join(lines)


def ranking_table(result: Results) -> str:
    """WER by corrected minutes, ranked and random, and the errors in the second round's clips."""
    lines = table_header("corrected", "ranked: WER", "random: WER", "difference")
    for row in result["rounds"]:
        cells = [_wers(row[way]["wer"]) if way in row else "–" for way in ("confidence", "random")]
        difference = "–" if row["difference"] is None else _interval(row["difference"])
        lines.append(table_row(f"{row['minutes']:g} minutes", *cells, difference))
    minutes = result["rounds"][0]["minutes"]
    lines += ["", *table_header("order", f"word errors in the first {minutes:g} minutes of it")]
    for order, counts in result["errors_found"].items():
        lines.append(table_row(order, ", ".join(map(str, counts))))
    return "\n".join(lines)


def _wers(by_seed: list[float]) -> str:
    each = ", ".join(f"{wer:.3f}" for wer in by_seed)
    return f"{sum(by_seed) / len(by_seed):.3f} ({each})"


def _times(row: Results | None, key: str) -> str:
    return "–" if row is None else f"{row[key]['cpu']:.1f} ({row[key]['wall']:.1f})"


def _wer(row: Results | None) -> str:
    """WER, difference and number of clips, because slow tools decode only a third of them."""
    if row is None:
        return "–"
    return f"{row['wer']:.3f} ({_interval(row['wer_difference'])}), {row['clips']} clips"


def _interval(difference: Results) -> str:
    mean, low, high = (difference[key] for key in ("mean", "low", "high"))
    if low is None:  # fewer clips than score.min_blocks
        return f"{mean:+.3f}"
    return f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]"


def read_results(folder: Path = RESULTS) -> Results:
    """All results of ``benchmarks/results/``, by file name without ``.json``."""
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")
    }


def speed_table(results: Results) -> str:
    """README's six rows: our usual settings against the usual tools."""
    titles = {name: title for name, title in CORPORA.items() if f"decoding_{name}" in results}
    lines = table_header(
        "times faster, by CPU time", "than", *titles.values(), "peak MB, ours and theirs"
    )  # fmt: skip
    trained = [
        ("training, all weights", "full", "default"),
        ("training, LoRA", "lora", "default"),
        ("training, frozen encoder, outputs cached", "frozen_encoder", "cached"),
    ]
    for words, tune, trainer in trained:
        rows = [results[f"training_{name}"]["tune"][tune] for name in titles]
        cells = [f"{row[trainer]['times_standard']['cpu']:.1f}" for row in rows]
        peaks = f"{rows[0][trainer]['peak_mb']}, {rows[0]['standard']['peak_mb']}"
        lines.append(table_row(words, "transformers' Seq2SeqTrainer", *cells, peaks))
    decoded = [
        ("decoding, int8", "ours, int8", "times_int8", "faster-whisper, int8"),
        (
            "decoding, int8, one script",
            "ours, int8, Cyrillic",
            "times_int8",
            "faster-whisper, int8",
        ),
        ("decoding, float32", "ours, float32", "times_float32", "faster-whisper, float32"),
    ]
    for words, ours, times, theirs in decoded:
        rows = [results[f"decoding_{name}"]["tuned"] for name in titles]
        cells = [f"{row[ours][times]['cpu']:.1f}" for row in rows]
        peaks = f"{rows[0][ours]['peak_mb']}, {rows[0][theirs]['peak_mb']}"
        lines.append(table_row(words, theirs, *cells, peaks))
    return "\n".join(lines)


def fill(page: Path, marker: str, table: str) -> None:
    """Replace the text between the markers ``<!-- marker -->`` and ``<!-- /marker -->``."""
    start, end = f"<!-- {marker} -->", f"<!-- /{marker} -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(start)
    _, _, after = rest.partition(end)
    page.write_text(f"{before}{start}\n{table}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    results = read_results()
    fill(Path("docs/benchmarks.md"), "benchmarks", benchmark_table(results))
    fill(Path("README.md"), "speed", speed_table(results))
    if "forgetting" in results:
        fill(Path("docs/training.md"), "forgetting", forgetting_table(results["forgetting"]))
    if "language_model" in results:
        table = language_model_table(results["language_model"])
        fill(Path("docs/training.md"), "language_model", table)
    if "word_times" in results:
        fill(Path("docs/word_times.md"), "word_times", word_times_table(results["word_times"]))
    if "ranking" in results:
        fill(Path("docs/predictions.md"), "ranking", ranking_table(results["ranking"]))
    if "serving" in results:
        fill(Path("docs/serving.md"), "load", serving_table(results["serving"]))
    if "planning" in results:
        fill(Path("docs/planning.md"), "planning", planning_table(results["planning"]))
    print(speed_table(results))
