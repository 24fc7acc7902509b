"""The benchmark table of README: ``python -m benchmarks.tables`` prints it from the results."""

import json
from typing import Any

from benchmarks.measure import RESULTS


def benchmark_table(results: dict[str, Any]) -> str:
    """Markdown, from the content of ``benchmarks/results/`` by name."""
    training, decoding = results["training"], results["decoding"]
    lines = [
        f"Two cores, float32, clips of {decoding['clips']['mean_s']} s on average; ratios of clips "
        "per second by CPU time, measured in turn in one run.",
        "",
        "| training, against transformers' Seq2SeqTrainer on 30 s | times faster |",
        "|---|---|",
        _ratio("ours, the same clips", training["times_standard"]["short"]["cpu"]),
        _ratio(
            "ours, clips joined, some in a longer context (the default)",
            training["times_standard"]["default"]["cpu"],
        ),
        "",
        "| decoding, greedy but for beam 5, against faster-whisper float32 "
        "| clips | times faster | WER |",
        "|---|---|---|---|",
    ]
    clips = decoding["clips"]
    for part, model, count in (
        ("tuned", "tuned", clips["count"]),
        ("tuned_others", "tuned", clips["few"]),
        ("base", "base", clips["few"]),
    ):
        for engine, row in decoding[part].items():
            times = row["times_faster_whisper"]["cpu"]
            lines.append(f"| {model} model: {engine} | {count} | {times:.1f} | {row['wer']:.3f} |")
    return "\n".join(lines)


def _ratio(name: str, times: float) -> str:
    return f"| {name} | {times:.1f} |"


if __name__ == "__main__":
    print(benchmark_table({path.stem: json.loads(path.read_text()) for path in RESULTS.glob("*")}))
