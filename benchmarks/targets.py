"""Targets of the benchmarks and the figures reached: ``python -m benchmarks.targets`` prints them.

A step that runs at 75 % of the machine's measured peak can become at most a third faster with the
same arithmetic. A target beyond that needs less arithmetic, not better code.
"""

from dataclasses import dataclass
from pathlib import Path

from asr.core.params import load_family_params
from asr.families.whisper.decoding.params import WhisperDecodeParams
from asr.families.whisper.window import MAX_DURATION_S, read_margin
from benchmarks.corpora import NAMES
from benchmarks.markdown import table_header, table_row
from benchmarks.servers import PEER as SERVER_PEER
from benchmarks.tables import Results, read_results

PEER, OURS = "faster-whisper, int8", ("ours, int8", "ours, int8, Cyrillic")
TRAINING = [
    ("full", "short", "starter", 25.0),
    ("full", "default", "starter", 14.0),
    ("lora", "short", "starter", 25.0),
    ("frozen_encoder", "cached", "starter", 60.0),
    ("full", "default", "cv", 6.0),
    ("full", "default", "long", 1.2),
]
DECODING = [("starter", 30.0), ("cv", 9.0), ("long", 1.2)]
SERVING = {"starter": 15.0, "cv": 6.0}  # throughput with several clients
SERVING_P95 = 4.0  # with one client


@dataclass(frozen=True)
class Target:
    """One target and the figure reached.

    Attributes:
        name: of the figure.
        goal: with its unit.
        reached: the measured figure, with its unit.
        met: whether the goal is reached.
        reason: reason it is not reached.
    """

    name: str
    goal: str
    reached: str
    met: bool
    reason: str


def targets(results: Results, margin_s: float) -> list[Target]:
    """The targets that have results; ``margin_s`` is the tuned model's context beyond a clip."""
    decoding = _decoding(results, margin_s)
    return [*_training(results), *decoding, *_serving(results), *_memory(results)]


def _training(results: Results) -> list[Target]:
    found = []
    for tune, trainer, corpus, goal in TRAINING:
        tunes = results.get(f"training_{corpus}", {}).get("tune", {})
        if (row := tunes.get(tune, {}).get(trainer)) is None:
            continue
        times, reason = row["times_standard"]["cpu"], ""
        if step := _step(results, tune, trainer, corpus):
            share = step["share_of_peak"]
            reason = (
                f"a step runs at {share:.0%} of the machine's peak in matrix products: "
                f"the same arithmetic at 100% would be {times / share:.1f}"
            )
        found.append(_times(f"training {tune}, {trainer}, {corpus}", goal, times, reason))
    return found


def _step(results: Results, tune: str, trainer: str, corpus: str) -> Results | None:
    """The profile of such a training step, if it was measured."""
    key = (tune, trainer, corpus)
    steps: list[Results] = results.get("step", {}).get("steps", [])
    found = (step for step in steps if (step["tune"], step["trainer"], step["corpus"]) == key)
    return next(found, None)


def _decoding(results: Results, margin_s: float) -> list[Target]:
    found = []
    for corpus, goal in DECODING:
        result = results.get(f"decoding_{corpus}", {})
        for name in OURS:
            if (row := result.get("tuned", {}).get(name)) is None:
                continue
            shorter = MAX_DURATION_S / (result["clips"]["mean_s"] + margin_s)
            reason = (
                f"the encoder computes {shorter:.1f} times less ({MAX_DURATION_S:g} s against the "
                "mean clip and its margin), but a token costs the decoder as much as in any tool, "
                "less what batches save"
            )
            found.append(
                _times(f"decoding, {name}, {corpus}", goal, row["times_int8"]["cpu"], reason)
            )
    return found


def _serving(results: Results) -> list[Target]:
    found = []
    for one in results.get("serving", {}).get("compared", []):
        if one["peer"] != SERVER_PEER or None in (one["times"], one["times_p95"], one["times_cpu"]):
            continue
        where = f"{one['corpus']}, {one['clients']} clients"
        goal = SERVING[one["corpus"]]
        if one["clients"] == 1:
            found.append(_times(f"serving, p95, {where}", SERVING_P95, one["times_p95"], ""))
            continue
        reason = f"by CPU seconds {one['times_cpu']:.1f} times"
        found.append(_times(f"serving, clips a second, {where}", goal, one["times"], reason))
    return found


def _times(name: str, goal: float, reached: float, reason: str) -> Target:
    return Target(name, f"{goal:g} times", f"{reached:.1f} times", reached >= goal, reason)


def _memory(results: Results) -> list[Target]:
    found = []
    for corpus in NAMES:
        tunes = results.get(f"training_{corpus}", {}).get("tune", {})
        for tune, trainers in tunes.items():
            if "default" in trainers:
                name = f"memory, training {tune}, {corpus}"
                step = _step(results, tune, "short", "starter") or {}
                average = f", {step['learning_mb']} MB" if step else ""
                reason = f"ours keeps a moving average of the weights{average}, the peer none"
                found.append(_peak(name, trainers["default"], trainers["standard"], reason))
        tools = results.get(f"decoding_{corpus}", {}).get("tuned", {})
        for name in OURS:
            if {name, PEER} <= tools.keys():
                reason = (
                    "each core encodes clips of its own, two clips of 30 s at a time on two cores, "
                    "where all of the peer's cores share one clip"
                )
                title = f"memory, decoding, {name}, {corpus}"
                found.append(_peak(title, tools[name], tools[PEER], reason))
    return found


def _peak(name: str, ours: Results, peer: Results, reason: str) -> Target:
    reached, goal = ours["peak_mb"], peer["peak_mb"]
    return Target(name, f"{goal} MB at most", f"{reached} MB", reached <= goal, reason)


def target_table(found: list[Target]) -> str:
    """All targets, in Markdown."""
    lines = table_header("target", "goal", "reached", "")
    for target in found:
        verdict = "met" if target.met else f"missed: {target.reason}"
        lines.append(table_row(target.name, target.goal, target.reached, verdict))
    return "\n".join(lines)


if __name__ == "__main__":
    fallback_s = load_family_params("whisper", "decode", WhisperDecodeParams).fallback_margin_s
    print(target_table(targets(read_results(), read_margin(Path("models/tuned"), fallback_s))))
