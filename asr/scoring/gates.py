"""Gates: requirements on the tuned model, and whether its metrics meet them.

A gate whose figure is not there is «not measured», which is no pass.
"""

from collections.abc import Mapping
from typing import Any, Literal

from asr.scoring.params import GatesParams

Status = Literal["pass", "fail", "not measured"]


def scorecard(
    gates: GatesParams,
    score: Mapping[str, Any],
    data: Mapping[str, Any],
    guards: Mapping[str, Any],
    alignment: Mapping[str, Any],
) -> dict[str, dict[str, Any]]:
    """Check every gate that has a threshold.

    Args:
        gates: section ``gates``.
        score: ``metrics/score/tuned.json``.
        data: ``metrics/data.json``.
        guards: ``metrics/guards.json``.
        alignment: ``metrics/alignment.json``.

    Returns:
        By gate: the requirement in words, threshold, value (None if not measured) and status.
    """
    wer = score["groups"]["overall"]["wer"]
    worst = score.get("worst_slice") or {"wer": None}  # none if all slices are too small
    where = "" if worst["wer"] is None else f" ({worst['kind']} {worst['value']})"
    rows = {
        "first_runs": _at_most("WER overall", gates.first_runs, wer),
        "production": _at_most("WER overall", gates.production, wer),
        "contract": _at_most("WER overall", gates.contract, wer),
        "worst_slice": _at_most(f"WER of the worst slice{where}", gates.worst_slice, worst["wer"]),
        "only_corpora": _only("corpora trained on", gates.only_corpora, corpora_trained_on(data)),
        "word_time_coverage": _at_least(
            "share of files with word times", gates.word_time_coverage, alignment["coverage"]
        ),
        "word_time_offset_s": _at_most(
            "mean offset of word times, seconds",
            gates.word_time_offset_s,
            alignment["joined"]["mean_offset_s"],
        ),
        **_guards(gates, guards),
    }
    return {name: row for name, row in rows.items() if row["threshold"] not in (None, [])}


def _guards(gates: GatesParams, guards: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    tuned = guards["tuned"]
    forgotten, wer = _worst_loss(guards, "wer", 1)
    unrecognised, accuracy = _worst_loss(guards, "language_accuracy", -1)
    return {
        "hallucination_chars_per_minute": _at_most(
            "characters a minute for sounds without speech",
            gates.hallucination_chars_per_minute,
            tuned["hallucination"]["chars_per_minute"],
        ),
        "loops_share": _at_most(
            "share of test hypotheses that loop", gates.loops_share, tuned["loops"]["share"]
        ),
        "joined_loops_share": _at_most(
            "share of long recordings whose text loops",
            gates.joined_loops_share,
            tuned["loops"]["joined"]["share"],
        ),
        "forgetting": _at_most(
            f"rise of WER in another language{forgotten}", gates.forgetting, wer
        ),
        "language_accuracy_loss": _at_most(
            f"loss of recognised clips of another language{unrecognised}",
            gates.language_accuracy_loss,
            accuracy,
        ),
        "timestamps_valid": _at_least(
            "share of clips with timestamps in order and inside",
            gates.timestamps_valid,
            tuned["timestamps"] and tuned["timestamps"]["inside"],
        ),
        "memorised_share": _at_most(
            "share of test hypotheses that are another transcript of train",
            gates.memorised_share,
            tuned["memorised"]["share"],
        ),
    }


def _worst_loss(guards: Mapping[str, Any], key: str, sign: int) -> tuple[str, float | None]:
    """The other language that lost most: its name in brackets, and the loss; None without one.

    Args:
        guards: of both models.
        key: of the figure.
        sign: 1 if more is worse, as of errors, else -1.
    """
    base, tuned = (guards[model]["forgetting"] for model in ("base", "tuned"))
    losses = {
        name: round(sign * (own[key] - base[name][key]), 6)
        for name, own in tuned.items()
        if own[key] is not None and base[name][key] is not None
    }
    if not losses:
        return "", None
    worst = max(losses, key=lambda name: losses[name])
    return f" ({worst})", losses[worst]


def corpora_trained_on(data: Mapping[str, Any]) -> list[str]:
    """The corpora of train, of dev, which chooses the weights, and of replay if any is drawn."""
    found = {
        corpus
        for split in ("train", "dev")
        for corpus, count in data["splits"][split]["num_utterances_by"]["corpus"].items()
        if count
    }
    replay = data.get("replay", {})
    if replay.get("num_per_epoch"):
        found |= replay["num_utterances"].keys()
    return sorted(found)


def _at_most(requirement: str, threshold: float | None, value: float | None) -> dict[str, Any]:
    met = None if value is None or threshold is None else value <= threshold
    return _row(f"{requirement}, at most", threshold, value, met)


def _at_least(requirement: str, threshold: float | None, value: float | None) -> dict[str, Any]:
    met = None if value is None or threshold is None else value >= threshold
    return _row(f"{requirement}, at least", threshold, value, met)


def _only(requirement: str, threshold: list[str], value: list[str]) -> dict[str, Any]:
    return _row(f"{requirement}, only", threshold, value, set(value) <= set(threshold))


def _row(requirement: str, threshold: Any, value: Any, met: bool | None) -> dict[str, Any]:
    status: Status = "not measured" if met is None else "pass" if met else "fail"
    return {
        "requirement": requirement,
        "threshold": threshold,
        "value": value,
        "status": status,
    }
