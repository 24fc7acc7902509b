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
        "| decoding, greedy but where it says beam, against faster-whisper | times faster | WER |",
        "|---|---|---|",
    ]
    for model in ("base", "tuned"):
        for engine, row in decoding[model].items():
            times = row["times_faster_whisper"]["cpu"]
            lines.append(f"| {model} model: {engine} | {times:.1f} | {row['wer']:.3f} |")
    return "\n".join(lines)


def _ratio(name: str, times: float) -> str:
    return f"| {name} | {times:.1f} |"


if __name__ == "__main__":
    print(benchmark_table({path.stem: json.loads(path.read_text()) for path in RESULTS.glob("*")}))
