"""Trackers of training curves: the log of JSON lines, and by name those of accelerate.

accelerate hands a package its rows; here is the place and the name of a run, so that what resumes
it goes on in it. Training finds this room by name: a tracker can't change what a stage writes, so
no stage depends on it.

A package's own environment variables win over what is set here. Those of W&B must be looked at,
since it lets an argument win: ``WANDB_PROJECT``, ``WANDB_RUN_ID``, ``WANDB_DIR`` and so on.
Trackio's and DVCLive's (``TRACKIO_DIR``, ``TRACKIO_SPACE_ID``, ``DVC_STUDIO_TOKEN`` …) set nothing
that is set here, and TensorBoard has none.
"""

import json
import os
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from asr.core.errors import InputError, needs
from asr.trackers.jsonl import JsonLines

PROJECT = "mothertongue"


class Tracker(Protocol):
    """Where a run's numbers go while it lasts."""

    def log(self, values: dict[str, Any], step: int | None = None) -> None:
        """Take numbers and words by name, after ``step``."""

    def finish(self) -> None:
        """End."""


def open_tracker(
    name: str, folder: Path, run_id: str, config: Mapping[str, Any], *, on_cpu: bool
) -> Tracker:
    """Open a tracker.

    Args:
        name: ``jsonl``, or as in ``operations.trackers``.
        folder: where it may write.
        run_id: equal for a run and what resumes it.
        config: all that the run was set to, as JSON.
        on_cpu: whether training computes there.

    Raises:
        InputError: if its package is missing, or it can't start, as without a key to its server.
    """
    if name == "jsonl":
        return JsonLines(folder / f"{run_id}.jsonl", run_id, config)
    place = f"params.yaml: operations.trackers: {name}"
    try:
        with needs("trackers", place):
            # Trackio writes into what it is given.
            return _start(name, folder, run_id, dict(config), on_cpu)
    except InputError:
        raise
    except Exception as error:  # each has errors of its own
        raise InputError(f"{place} can't start: {error}") from error


def _start(name: str, folder: Path, run_id: str, config: dict[str, Any], on_cpu: bool) -> Tracker:
    from accelerate import PartialState
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS

    # Trackers ask accelerate which process they are in. Whoever asks first chooses the device of
    # all that accelerate does in this process, so it is told before.
    PartialState(cpu=on_cpu)
    arguments: dict[str, dict[str, Any]] = {
        "tensorboard": {"run_name": run_id, "logging_dir": folder / "tensorboard"},
        # The experiment is DVC's own; a report or a dvc.yaml of DVCLive's would be beside it.
        "dvclive": {"dir": str(folder / "dvclive" / run_id), "resume": True, "report": None,
                    "save_dvc_exp": False, "dvcyaml": None},
        "trackio": {"run_name": PROJECT, "name": run_id, "config": config, "resume": "allow",
                    "embed": False},
        "wandb": {"run_name": None, "config": config, "settings": _wandb_settings(folder, run_id)},
    }  # fmt: skip
    tracker = LOGGER_TYPE_TO_CLASS[name](**arguments[name])
    tracker.start()
    # accelerate's own way to log the configuration adds a value to Trackio's and W&B's, and fails
    # on the sections of ours in TensorBoard, which shows indented text as it stands.
    if name == "tensorboard":
        text = json.dumps(config, ensure_ascii=False, indent=2)
        tracker.log({"config": textwrap.indent(text, "    ")})
    elif name == "dvclive":
        tracker.store_init_configuration(config)
    return tracker  # type: ignore[no-any-return]


def _wandb_settings(folder: Path, run_id: str) -> dict[str, Any]:
    """Ours, but for those that a variable sets."""
    ours = {
        "project": PROJECT,
        "run_id": run_id,
        "resume": "allow",
        "root_dir": str(folder),
        "quiet": True,
        # Its server need not have this machine's code and output.
        "save_code": False,
        "console": "off",
    }
    names = {key: f"WANDB_{key.upper()}" for key in ours} | {"root_dir": "WANDB_DIR"}
    return {key: value for key, value in ours.items() if not os.environ.get(names[key])}
