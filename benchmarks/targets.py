"""What the benchmarks were to reach, and did: ``python -m benchmarks.targets`` prints it.

A step that does its arithmetic at a share of the machine's measured peak can become faster by what
is missing to 1 and no more: a target beyond that needs less arithmetic, not better code.
"""

from dataclasses import dataclass
from pathlib import Path

from asr.core.params import load_family_params
from asr.families.whisper.decoding.params import WhisperDecodeParams
from asr.families.whisper.window import MAX_DURATION_S, read_margin
from benchmarks.corpora import NAMES
from benchmarks.tables import Results, read_results, table_header, table_row

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


@dataclass(frozen=True)
class Target:
    """One figure to reach.

    Attributes:
        what: is measured.
        asked: as it is to be, with its unit.
        reached: as it is.
        met: whether that is enough.
        why: it is not.
    """

    what: str
    asked: str
    reached: str
    met: bool
    why: str


def targets(results: Results, margin_s: float) -> list[Target]:
    """All that there are results for; the tuned model needs so much context beyond the clip."""
    return [*_training(results), *_decoding(results, margin_s), *_memory(results)]


def _training(results: Results) -> list[Target]:
    found = []
    for tune, trainer, corpus, asked in TRAINING:
        tunes = results.get(f"training_{corpus}", {}).get("tune", {})
        if (row := tunes.get(tune, {}).get(trainer)) is None:
            continue
        times, why = row["times_standard"]["cpu"], ""
        if step := _step(results, tune, trainer, corpus):
            share = step["share_of_peak"]
            why = (
                f"a step runs at {share:.0%} of what the machine multiplies at most: "
                f"the same arithmetic at 100% would be {times / share:.1f}"
            )
        found.append(_times(f"training {tune}, {trainer}, {corpus}", asked, times, why))
    return found


def _step(results: Results, tune: str, trainer: str, corpus: str) -> Results | None:
    """Where the time of such a step goes, if it was measured."""
    asked = (tune, trainer, corpus)
    steps: list[Results] = results.get("step", {}).get("steps", [])
    found = (step for step in steps if (step["tune"], step["trainer"], step["corpus"]) == asked)
    return next(found, None)


def _decoding(results: Results, margin_s: float) -> list[Target]:
    found = []
    for corpus, asked in DECODING:
        result = results.get(f"decoding_{corpus}", {})
        for name in OURS:
            if (row := result.get("tuned", {}).get(name)) is None:
                continue
            shorter = MAX_DURATION_S / (result["clips"]["mean_s"] + margin_s)
            why = (
                f"{MAX_DURATION_S:g} s are {shorter:.1f} times the mean clip and its margin, so "
                "much is saved in the encoder; a token costs the decoder what it costs all, less "
                "what batches save"
            )
            found.append(
                _times(f"decoding, {name}, {corpus}", asked, row["times_int8"]["cpu"], why)
            )
    return found


def _times(what: str, asked: float, reached: float, why: str) -> Target:
    return Target(what, f"{asked:g} times", f"{reached:.1f} times", reached >= asked, why)


def _memory(results: Results) -> list[Target]:
    found = []
    for corpus in NAMES:
        tunes = results.get(f"training_{corpus}", {}).get("tune", {})
        for tune, trainers in tunes.items():
            if "default" in trainers:
                what = f"memory, training {tune}, {corpus}"
                step = _step(results, tune, "short", "starter") or {}
                average = f", {step['learning_mb']} MB" if step else ""
                why = f"ours keeps a moving average of the weights{average}, the recipe none"
                found.append(_peak(what, trainers["default"], trainers["standard"], why))
        tools = results.get(f"decoding_{corpus}", {}).get("tuned", {})
        for name in OURS:
            if {name, PEER} <= tools.keys():
                why = (
                    "each core encodes and remembers clips of its own, so two clips of 30 s at a "
                    "time on two cores, where the peer's cores share one"
                )
                what = f"memory, decoding, {name}, {corpus}"
                found.append(_peak(what, tools[name], tools[PEER], why))
    return found


def _peak(what: str, ours: Results, peer: Results, why: str) -> Target:
    reached, asked = ours["peak_mb"], peer["peak_mb"]
    return Target(what, f"{asked} MB at most", f"{reached} MB", reached <= asked, why)


def target_table(found: list[Target]) -> str:
    """Markdown."""
    lines = table_header("target", "asked", "reached", "")
    for target in found:
        verdict = "met" if target.met else f"missed: {target.why}"
        lines.append(table_row(target.what, target.asked, target.reached, verdict))
    return "\n".join(lines)


if __name__ == "__main__":
    fallback_s = load_family_params("whisper", "decode", WhisperDecodeParams).fallback_margin_s
    print(target_table(targets(read_results(), read_margin(Path("models/tuned"), fallback_s))))
