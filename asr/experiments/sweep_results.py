"""What a sweep found: one record a trial, a table, and what a grid would have cost."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from asr.core.errors import InputError
from asr.experiments.recipes import in_hydra
from asr.experiments.study import Study, tried_values

STATES = {"COMPLETE": "trained", "PRUNED": "ended early", "FAIL": "failed", "RUNNING": "running"}
HOUR = 3600.0


def sweep_results(study: Study) -> dict[str, Any]:
    """All trials, for ``sweeps/<name>.json``.

    Returns:
        ``error`` (wer or cer), ``space`` and ``overrides`` as in the sweep's file, ``grid_size``,
        and ``trials``: number, state, values by key, error on dev (the best of all steps), curve of
        (step, error) and seconds of training, None if DVC had its result already.
    """
    trials = []
    for trial in study.trials:
        curve = sorted(trial.intermediate_values.items())
        best = min((error for _, error in curve), default=None)
        trials.append({
            "number": trial.number,
            "state": STATES[trial.state.name],
            "values": tried_values(trial),
            "error": best if trial.value is None else trial.value,
            "curve": curve,
            "seconds": trial.user_attrs.get("seconds") or None,
        })  # fmt: skip
    search = study.search
    return {
        "error": search.error,
        "overrides": search.overrides,
        "space": {key: one.model_dump() for key, one in search.space.items()},
        "grid_size": search.grid_size(),
        "trials": trials,
    }


def best_trial(results: dict[str, Any]) -> dict[str, Any]:
    """The trained one with the lowest error.

    Raises:
        InputError: if none was trained.
    """
    trained = [one for one in results["trials"] if one["state"] == "trained"]
    if not trained:
        raise InputError("no trial of this sweep was trained to its end yet")
    best: dict[str, Any] = min(trained, key=lambda one: (one["error"], one["number"]))
    return best


def sweep_table(results: dict[str, Any]) -> str:
    """The trials in Markdown, the best first, those that ended early or failed last."""
    keys = sorted(results["space"])
    header = ("trial", *keys, f"{results['error'].upper()} on dev", "steps", "minutes", "")
    trials = sorted(results["trials"], key=_order)
    rows = [header, tuple("---" for _ in header), *(_row(one, keys) for one in trials)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _order(trial: dict[str, Any]) -> tuple[bool, bool, float]:
    error = trial["error"]
    return (trial["state"] != "trained", error is None, error or 0.0)


def _row(trial: dict[str, Any], keys: Sequence[str]) -> tuple[str, ...]:
    return (
        str(trial["number"]),
        *(f"{trial['values'].get(key, '–')}" for key in keys),
        "–" if trial["error"] is None else f"{trial['error']:.3f}",
        str(trial["curve"][-1][0]) if trial["curve"] else "–",
        "–" if trial["seconds"] is None else f"{trial['seconds'] / 60:.1f}",
        "" if trial["state"] == "trained" else trial["state"],
    )


def sweep_sentences(results: dict[str, Any]) -> str:
    """What it found and cost, in words, with the command that trains the best values whole.

    Raises:
        InputError: if no trial was trained.
    """
    best = best_trial(results)
    words = " ".join(f"-S {key}={in_hydra(value)}" for key, value in best["values"].items())
    said = [
        f"Trial {best['number']} has the lowest {results['error'].upper()} on dev, "
        f"{best['error']:.3f}: dvc exp run {words}"
    ]
    if results["overrides"]:
        # Some of them only make trials short, others, such as train.tune, belong to the values.
        also = " ".join(f"-S {key}={in_hydra(one)}" for key, one in results["overrides"].items())
        said.append(f"All trials also had {also}: add those that are not for short trials only.")
    if spent := spent_sentence(results):
        said.append(spent)
    return "\n".join(said)


def spent_sentence(results: dict[str, Any]) -> str:
    """The time of training, and that of a grid; empty if DVC had all results already."""
    trials = results["trials"]
    whole = [one["seconds"] for one in trials if one["state"] == "trained" and one["seconds"]]
    if not whole:
        return ""
    spent = sum(one["seconds"] or 0.0 for one in trials) / HOUR
    grid = results["grid_size"] * fmean(whole) / HOUR
    return (
        f"Training took {spent:.2f} hours for {len(trials)} trials; a grid of "
        f"{results['grid_size']:,} would take {grid:.1f}."
    )
