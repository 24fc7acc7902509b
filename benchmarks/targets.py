"""What the benchmarks were to reach, and did: ``python -m benchmarks.targets`` prints it.

A step that does its arithmetic at a share of the machine's measured peak can become faster by what
is missing to 1 and no more: a target beyond that needs less arithmetic, not better code.
"""

from dataclasses import dataclass

from benchmarks.tables import Results, read_results, table_header, table_row

PEER, OURS = "faster-whisper, int8", "ours, int8"
MARGIN_S = 0.5  # of context that a tuned model needs beyond the clip
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


def targets(results: Results) -> list[Target]:
    """All that there are results for."""
    return [*_training(results), *_decoding(results), *_memory(results)]


def _training(results: Results) -> list[Target]:
    found = []
    for tune, trainer, corpus, asked in TRAINING:
        tunes = results.get(f"training_{corpus}", {}).get("tune", {})
        if (row := tunes.get(tune, {}).get(trainer)) is None:
            continue
        times, why = row["times_standard"]["cpu"], ""
        if step := results.get("step", {}).get("tune", {}).get(tune):
            share = step["share_of_peak"]
            why = (
                f"a step runs at {share:.0%} of what the machine multiplies at most: "
                f"the same arithmetic at 100% would be {times / share:.1f}"
            )
        found.append(_times(f"training {tune}, {trainer}, {corpus}", asked, times, why))
    return found


def _decoding(results: Results) -> list[Target]:
    found = []
    for corpus, asked in DECODING:
        result = results.get(f"decoding_{corpus}", {})
        if row := result.get("tuned", {}).get(OURS):
            shorter = 30 / (result["clips"]["mean_s"] + MARGIN_S)
            why = (
                f"30 s are {shorter:.1f} times the mean clip and its margin, so much is saved in "
                "the encoder; a token costs the decoder what it costs all, less what batches save"
            )
            found.append(_times(f"decoding int8, {corpus}", asked, row["times_int8"]["cpu"], why))
    return found


def _times(what: str, asked: float, reached: float, why: str) -> Target:
    return Target(what, f"{asked:g} times", f"{reached:.1f} times", reached >= asked, why)


def _memory(results: Results) -> list[Target]:
    found = []
    for corpus in ("starter", "cv", "long"):
        tunes = results.get(f"training_{corpus}", {}).get("tune", {})
        for tune, trainers in tunes.items():
            if "default" in trainers:
                what = f"memory, training {tune}, {corpus}"
                why = "ours keeps a moving average of the weights, the standard recipe none"
                found.append(_peak(what, trainers["default"], trainers["standard"], why))
        tools = results.get(f"decoding_{corpus}", {}).get("tuned", {})
        if {OURS, PEER} <= tools.keys():
            why = (
                "torch, which computes the log-mel and decodes on GPUs, is 210 MB by itself, and "
                "each core has a batch of its own, of 40 s where the peer has one of 30 for all"
            )
            what = f"memory, decoding int8, {corpus}"
            found.append(_peak(what, tools[OURS], tools[PEER], why))
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
    print(target_table(targets(read_results())))
