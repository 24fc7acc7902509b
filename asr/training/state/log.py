"""Log of a running training: one JSON line per logged step, and the curves of trackers.

The log holds wall time, memory and GPU load. A stage's outs must be the same bytes for the same
inputs, so the log is in ``.dvc/tmp/logs`` instead, one file per run; a resumed run appends to its
file. Only the curves, without wall time, are an out.
"""

import os
import resource
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from tqdm import tqdm

from asr.core.by_name import module_by_name
from asr.core.csv_files import write_csv
from asr.core.files import read_json
from asr.core.locks import dvc_tmp
from asr.core.params import PARAMS, read_yaml

if TYPE_CHECKING:
    from asr.trackers import Tracker

CurveRow = dict[str, Any]

# Logged with a run if they exist: the counts of `split` and `audit`. They change no out, so the
# stage does not list them as deps.
DATA_METRICS = ("metrics/data.json", "metrics/audit/*.json")


class Curves(Protocol):
    """Progress that is logged; the newest row of each list comes last."""

    best_step: int
    best: list[float] | None
    train_rows: list[CurveRow]
    dev_rows: list[CurveRow]
    phase_rows: list[CurveRow]
    step: int


class TrainingLog:
    """Passes rows to trackers; a tracker that fails is reported and dropped, training goes on."""

    def __init__(self, trackers: "Mapping[str, Tracker]", device: torch.device) -> None:
        self.trackers, self.device = dict(trackers), device
        self.summary: CurveRow = {}

    def watch(self, progress: Curves, saved: CurveRow) -> None:
        """Log what the last step added: rows of the curves, the next phase, saved files."""
        for rows in (progress.train_rows, progress.dev_rows):
            if rows and rows[-1]["step"] == progress.step:
                self._log({**rows[-1], **device_load(self.device)})
        if progress.phase_rows and progress.phase_rows[-1]["step"] == progress.step:
            self._log(dict(progress.phase_rows[-1]))
        if saved:
            self._log({"step": progress.step, **saved})
        self.summary = {"step": progress.step, "best_step": progress.best_step}
        if progress.best is not None:
            self.summary |= {"best_wer": progress.best[0], "best_cer": progress.best[1]}

    def close(self) -> None:
        """Log the best step and its error, then close every tracker."""
        self._log({"event": "end", **self.summary})
        self._each(lambda tracker: tracker.finish())

    def _log(self, row: CurveRow) -> None:
        step = row.pop("step", None)
        self._each(lambda tracker: tracker.log(dict(row), step=step))

    def _each(self, call: "Callable[[Tracker], None]") -> None:
        for name, tracker in list(self.trackers.items()):
            try:
                call(tracker)
            except Exception as error:  # trackers raise any class; none may end a run
                del self.trackers[name]
                tqdm.write(f"{name}: dropped, training goes on: {error!r}", file=sys.stderr)


@contextmanager
def training_log(run_id: str, names: Sequence[str], device: torch.device) -> Iterator[TrainingLog]:
    """Open the log in ``.dvc/tmp/logs`` and the trackers; they are closed if the block succeeds.

    The configuration of the run is all of params.yaml, of data and decoding too, the counts of
    ``DATA_METRICS``, and in a DVC experiment its name.

    Args:
        run_id: stage and key, ``train-0123…``; the ``request_id`` of each line.
        names: ``operations.trackers``.
        device: device of the memory and load to log.

    Raises:
        InputError: if a tracker can't be opened. Later errors are only printed.
    """
    found = [path for pattern in DATA_METRICS for path in sorted(Path().glob(pattern))]
    counts = {str(path.with_suffix("")): read_json(path) for path in found}
    # `commands.sweep` finds the log of an experiment by its name.
    config = {**read_yaml(PARAMS), **counts}
    if "DVC_EXP_NAME" in os.environ:
        config["experiment"] = os.environ["DVC_EXP_NAME"]
    folder = dvc_tmp() / "logs"
    # Imported by name, so that trackers are no part of the code hash that resuming compares.
    room = module_by_name("asr", "trackers", "operations.trackers")
    on_cpu = device.type == "cpu"
    trackers = {
        name: room.open_tracker(name, folder, run_id, config, on_cpu=on_cpu)
        for name in ("jsonl", *names)
    }
    log = TrainingLog(trackers, device)
    yield log
    log.close()


def device_load(device: torch.device) -> CurveRow:
    """``gpu_utilization`` in percent (missing without a GPU) and peak ``memory`` in MiB.

    Memory is the GPU's where there is one, else the process's resident memory.
    """
    if device.type == "cuda":
        peak = torch.cuda.max_memory_allocated(device)
        return {**_gpu_utilization(device), "memory": round(peak / 2**20, 1)}
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if os.uname().sysname == "Darwin" else 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return {"memory": round(peak / 2**20, 1)}


def _gpu_utilization(device: torch.device) -> CurveRow:
    try:
        return {"gpu_utilization": torch.cuda.utilization(device)}
    except Exception:  # NVML raises many classes; a MIG slice, for example, has no utilization
        return {}


def write_curve(path: Path, columns: tuple[str, ...], rows: list[CurveRow]) -> None:
    """Write rows as CSV with a header, even if there are no rows."""
    write_csv(path, columns, ([row[column] for column in columns] for row in rows))
