"""Trackers of training curves: one file each, found by name in this one place.

A tracker is a module with one function, ``open_tracker(folder, run_id, config)``, that returns a
:class:`Tracker`. Its package is imported there and nowhere else: who doesn't use it needn't have
it. Found by name, trackers are no deps of ``train``: they can't change what it writes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, cast

from asr.core.by_name import module_by_name
from asr.core.errors import InputError, needs


class Tracker(Protocol):
    """Where a run's numbers go while it lasts."""

    def log(self, row: Mapping[str, Any]) -> None:
        """Take one row: ``step``, and numbers by name."""

    def close(self, summary: Mapping[str, Any]) -> None:
        """Take the last word on the run, and end."""


def open_tracker(name: str, folder: Path, run_id: str, config: Mapping[str, Any]) -> Tracker:
    """Open the tracker ``asr/trackers/<name>.py``.

    Args:
        name: as in ``operations.trackers``.
        folder: where it may write.
        run_id: equal for a run and what resumes it.
        config: all that the run was set to, as JSON.

    Raises:
        InputError: if its package is missing, or it can't start, as without a key to its server.
    """
    place = f"params.yaml: operations.trackers: {name}"
    module = module_by_name("asr.trackers", name, "operations.trackers")
    try:
        with needs("trackers", place):
            return cast(Tracker, module.open_tracker(folder, run_id, config))
    except InputError:
        raise
    except Exception as error:  # each has errors of its own
        raise InputError(f"{place} can't start: {error}") from error
