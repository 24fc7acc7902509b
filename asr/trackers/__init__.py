"""Trackers of training curves: the log of JSON lines, and accelerate's trackers by name.

accelerate passes values to a tracker's package. This module sets the folder and the id of a run, so
that a resumed run appends to the same curves. Training imports it by name: a tracker can't change
what a stage writes, so no stage depends on it.

A package's own environment variables override the values set here. For W&B this module must do that
(``WANDB_PROJECT``, ``WANDB_RUN_ID``, ``WANDB_DIR`` …), because W&B itself prefers arguments. Those
of Trackio and DVCLive (``TRACKIO_DIR``, ``TRACKIO_SPACE_ID``, ``DVC_STUDIO_TOKEN`` …) concern other
values, and TensorBoard has none.
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
    """A logger of one run's values."""

    def log(self, values: dict[str, Any], step: int | None = None) -> None:
        """Log numbers and strings by name, as of ``step``."""

    def finish(self) -> None:
        """Close the tracker."""


def open_tracker(
    name: str, folder: Path, run_id: str, config: Mapping[str, Any], *, on_cpu: bool
) -> Tracker:
    """Open a tracker.

    Args:
        name: ``jsonl``, or one of ``operations.trackers``.
        folder: for its files.
        run_id: the same for a run and its resumption.
        config: the run's params, as JSON values.
        on_cpu: whether training runs on the CPU.

    Raises:
        InputError: if its package is missing, or it can't start, such as without an API key.
    """
    if name == "jsonl":
        return JsonLines(folder / f"{run_id}.jsonl", run_id, config)
    place = f"params.yaml: operations.trackers: {name}"
    try:
        with needs("trackers", place):
            # A copy, because Trackio modifies its config.
            return _start(name, folder, run_id, dict(config), on_cpu)
    except InputError:
        raise
    except Exception as error:  # each package raises errors of its own
        raise InputError(f"{place} can't start: {error}") from error


def _start(name: str, folder: Path, run_id: str, config: dict[str, Any], on_cpu: bool) -> Tracker:
    from accelerate import PartialState
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS

    # Trackers create accelerate's PartialState to learn their rank. The first PartialState sets
    # accelerate's device for the whole process, so create it here with the right one.
    PartialState(cpu=on_cpu)
    arguments: dict[str, dict[str, Any]] = {
        "tensorboard": {"run_name": run_id, "logging_dir": folder / "tensorboard"},
        # DVC itself saves the experiment; DVCLive must not add one, a report or a dvc.yaml.
        "dvclive": {"dir": str(folder / "dvclive" / run_id), "resume": True, "report": None,
                    "save_dvc_exp": False, "dvcyaml": None},
        "trackio": {"run_name": PROJECT, "name": run_id, "config": config, "resume": "allow",
                    "embed": False},
        "wandb": {"run_name": None, "config": config, "settings": _wandb_settings(folder, run_id)},
    }  # fmt: skip
    tracker = LOGGER_TYPE_TO_CLASS[name](**arguments[name])
    tracker.start()
    # accelerate's own method would add a value to the config in Trackio and W&B, and fails on our
    # nested sections in TensorBoard, which shows indented text as preformatted.
    if name == "tensorboard":
        text = json.dumps(config, ensure_ascii=False, indent=2)
        tracker.log({"config": textwrap.indent(text, "    ")})
    elif name == "dvclive":
        tracker.store_init_configuration(config)
    return tracker  # type: ignore[no-any-return]


def _wandb_settings(folder: Path, run_id: str) -> dict[str, Any]:
    """Our settings, without those that an environment variable sets."""
    ours = {
        "project": PROJECT,
        "run_id": run_id,
        "resume": "allow",
        "root_dir": str(folder),
        "quiet": True,
        # Do not upload this machine's code and console output.
        "save_code": False,
        "console": "off",
    }
    names = {key: f"WANDB_{key.upper()}" for key in ours} | {"root_dir": "WANDB_DIR"}
    return {key: value for key, value in ours.items() if not os.environ.get(names[key])}
