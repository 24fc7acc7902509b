"""Checks of a model before it is released: by name, with a status and the figure in words."""

from collections.abc import Iterable, Mapping
from typing import Any

from asr.core.errors import InputError
from asr.packages.measured import Measured

Check = dict[str, str]  # status: pass, fail or not measured; what: requirement and figures in words


def check_all(
    measured: Measured, forbidding: Mapping[str, Any], max_faulty_labels: float
) -> dict[str, Check]:
    """Check exports, labels, licenses and every gate of ``metrics/scorecard.json``."""
    found = {
        "parity": _parity(measured.parity),
        "label_doctor": _labels(measured.labels, max_faulty_labels),
        "licenses": _licenses(forbidding),
    }
    for name, gate in measured.gates.items():
        threshold, value = (_words(gate[key]) for key in ("threshold", "value"))
        found[name] = _check(gate["status"], f"{gate['requirement']} {threshold}: {value}")
    return found


def unmet(checks: Mapping[str, Check], required: Iterable[str], key: str) -> list[str]:
    """The required checks that do not pass, each as a line.

    Args:
        checks: by name.
        required: names.
        key: of ``params.yaml``, for the error.

    Raises:
        InputError: for the name of a check that there is not, such as a gate that is null.
    """
    found = []
    for name in required:
        if name not in checks:
            raise InputError(f"params.yaml: {key}: no check {name!r}, there are {sorted(checks)}")
        if checks[name]["status"] != "pass":
            found.append(f"{name}: {checks[name]['status']}: {checks[name]['what']}")
    return found


def _parity(parity: Mapping[str, Any]) -> Check:
    failed = [name for name, one in parity["formats"].items() if not one["passed"]]
    what = f"exports transcribe {parity['num_utterances']} dev clips as our decoding does"
    if failed:
        what += f"; not so: {', '.join(sorted(failed))}"
    return _check("pass" if parity["passed"] and not failed else "fail", what)


def _labels(labels: Mapping[str, Any], at_most: float) -> Check:
    num = labels["num_lossy"] + labels["num_too_long"]
    share = num / labels["num_utterances"]
    what = (
        f"share of train's transcripts that the tokenizer can't write or the loss leaves out, "
        f"at most {at_most:g}: {share:.4f}"
    )
    return _check("pass" if share <= at_most else "fail", what)


def _licenses(forbidding: Mapping[str, Any]) -> Check:
    listed = "; ".join(
        f"{spdx} ({', '.join(one['why'])}) of {', '.join(one['of'])}"
        for spdx, one in forbidding.items()
    )
    what = f"data and base model may be published as a model: {listed or 'all'}"
    return _check("fail" if listed else "pass", what)


def _words(value: Any) -> str:
    if value is None:
        return "not measured"
    return ", ".join(value) if isinstance(value, list) else f"{value:g}"


def _check(status: str, what: str) -> Check:
    return {"status": status, "what": what}
