"""Tables of what grows with a corpus: start-up, loader, the data stages, what a push sends."""

from typing import Any

from benchmarks.markdown import table_header, table_row

Results = dict[str, Any]
H200_CLIPS_PER_S = 13_000  # short clips that training on an H200 computes


def hours_table(result: Results) -> list[str]:
    """Start-up of training and transcribing by hours, and the loader's time by phase."""
    lines = table_header(
        "hours of speech", "clips", "start of training, CPU s", "peak MB",
        "start of transcribing, CPU s", "peak MB", "disk beyond the shards, MB",
    )  # fmt: skip
    for hours, row in sorted(result["hours"].items(), key=lambda item: float(item[0])):
        train, transcribe = row["train"], row["transcribe"]
        disk = (train["disk_bytes"] + transcribe["disk_bytes"]) / 1e6
        cells = [cell for start in (train, transcribe)
                 for cell in (f"{start['cpu_s']:.0f}", f"{start['peak_mb']:,}")]  # fmt: skip
        lines.append(table_row(hours, f"{row['clips']:,}", *cells, f"{disk:.2f}"))
    loader = result["loader"]
    lines += ["", *table_header(f"loading a clip of {loader['mean_s']} s, one core", "CPU µs")]
    lines += [table_row(phase, f"{us:.0f}") for phase, us in loader["us"].items()]
    by_threads = loader["clips_per_s"]
    for threads, clips_per_s in by_threads.items():
        lines.append(table_row(f"clips a second, `loader_threads: {threads}`", f"{clips_per_s:,}"))
    cores = -(-H200_CLIPS_PER_S // by_threads["1"])
    lines.append(
        table_row(f"cores for the {H200_CLIPS_PER_S:,} clips a second of an H200", str(cores))
    )
    cold = result["cold"]
    title = f"wall time to read a clip that only the disk has ({cold['gb']} GB of shards)"
    return [*lines, table_row(title, f"{1000 * cold['ms_a_clip']:.0f}")]


def million_table(result: Results) -> list[str]:
    """CPU seconds and memory of the stages after prepare, by number of utterances."""
    sizes = sorted(result, key=int)
    stages = ("split", "score", "compare", "report")
    lines = table_header("CPU seconds (peak MB)", *(f"{int(size):,} utterances" for size in sizes))
    for stage in stages:
        rows = [result[size]["steps"][stage] for size in sizes]
        cells = [f"{row['cpu_s']:.0f} ({row['peak_mb']:,.0f})" for row in rows]
        lines.append(table_row(f"`{stage}`", *cells))
    pages = [f"{result[size]['steps']['report']['html_mb']:.1f}" for size in sizes]
    return [*lines, table_row("report page, MB", *pages)]


def pushing_table(result: Results) -> list[str]:
    """Files and bytes that a push sends and a pull fetches."""
    lines = table_header(
        f"{result['hours']:g} hours in shards of {result['shard_bytes'] / 2**20:.1f} MiB", "shards",
        "files sent", "MB sent", "of the corpus", "MB pulled",
    )  # fmt: skip
    for row in result["rows"]:
        sent, pulled = row["bytes_sent"] / 1e6, row["bytes_pulled"] / 1e6
        share = f"{row['bytes_sent'] / row['bytes']:.0%}"
        cells = (str(row["shards"]), str(row["files_sent"]), f"{sent:.1f}", share, f"{pulled:.1f}")
        lines.append(table_row(row["step"], *cells))
    return lines
