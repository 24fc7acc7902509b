"""The table of servers under load in ``docs/serving.md``."""

from typing import Any

Results = dict[str, Any]
TITLES = {"starter": "starter clips", "cv": "clips of about 5 s"}


def serving_table(result: Results) -> str:
    """A row for each server and load, and how many times better ours is."""
    machine = result["machine"]
    lengths = ", ".join(
        f"{TITLES[name]} last {facts['mean_s']:g} s in the mean"
        for name, facts in result["clips"].items()
    )
    compared = {(one["corpus"], one["clients"], one["peer"]): one for one in result["compared"]}
    lines = [
        f"{machine['cores']} cores, {machine['cpu']}; {lengths}.",
        "",
        *_header(
            "clips", "clients", "server", "clips a second", "p50, p95, p99 s", "CPU s a clip",
            "peak MB, after a third, at the end", "errors", "WER (difference of ours)",
        ),
    ]  # fmt: skip
    for cell in result["cells"]:
        one = compared.get((cell["corpus"], cell["clients"], cell["server"]))
        latency, memory = cell["latency_s"], cell["memory_mb"]
        p95 = f"{shown(latency['p95'])}{_times(one, 'times_p95')}"
        cells = (
            TITLES[cell["corpus"]],
            cell["clients"],
            cell["server"],
            f"{cell['clips_a_s']:.2f}{_times(one, 'times')}",
            f"{shown(latency['p50'])}, {p95}, {shown(latency['p99'])}",
            f"{shown(cell['cpu_s_a_clip'])}{_times(one, 'times_cpu')}",
            ", ".join(str(memory[name]) for name in ("peak", "after_a_third", "end")),
            f"{cell['errors']} of {cell['answers'] + cell['errors']}",
            _wer(cell, one),
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def shown(value: float | None) -> str:
    """A figure; a dash where no answer came."""
    return "–" if value is None else f"{value:.3f}"


def _header(*columns: str) -> list[str]:
    return [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]


def _times(compared: Results | None, name: str) -> str:
    times = compared and compared[name]
    return f" (ours {times:.1f} times better)" if times else ""


def _wer(cell: Results, compared: Results | None) -> str:
    found = shown(cell["wer"])
    difference = compared and compared["wer_difference"]
    if not compared or not difference:
        return found
    interval = (
        ""
        if difference["low"] is None
        else f" [{difference['low']:+.3f}, {difference['high']:+.3f}]"
    )
    return f"{found} ({difference['mean']:+.3f}{interval} on {compared['clips']} clips)"
