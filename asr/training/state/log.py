"""What can be seen of training while it lasts: a line a logged step, and trackers' curves.

Wall time, memory and the GPU's load are in here and never in a stage's outs, which are the same
bytes for the same inputs. So the log lies in ``.dvc/tmp/logs``, one file a run; killed and resumed
it goes on in the same file. What is an out is the curves alone: no wall time, same run, same bytes.
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

if TYPE_CHECKING:
    from asr.trackers import Tracker

CurveRow = dict[str, Any]

# Logged with a run if they are there. They say what `split` and `audit` counted; no out is made of
# them, so they are no deps.
DATA_METRICS = ("metrics/data.json", "metrics/audit/*.json")


class Curves(Protocol):
    """What a run has to show for itself; the newest row of each list is its last."""

    best_step: int
    best: list[float] | None
    train_rows: list[CurveRow]
    dev_rows: list[CurveRow]
    step: int


class TrainingLog:
    """Hands rows to trackers; one that fails is dropped with a word, for training must go on."""

    def __init__(self, trackers: "Mapping[str, Tracker]", device: torch.device) -> None:
        self.trackers, self.device = dict(trackers), device
        self.summary: CurveRow = {}

    def watch(self, progress: Curves, saved: CurveRow) -> None:
        """Log what the step just done has added to the curves, and the checkpoint just saved."""
        for rows in (progress.train_rows, progress.dev_rows):
            if rows and rows[-1]["step"] == progress.step:
                self._log({**rows[-1], **load_of(self.device)})
        if saved:
            self._log({"step": progress.step, **saved})
        self.summary = {"step": progress.step, "best_step": progress.best_step}
        if progress.best is not None:
            self.summary |= {"best_wer": progress.best[0], "best_cer": progress.best[1]}

    def close(self) -> None:
        """End every tracker with the best step and its error."""
        self._log({"event": "end", **self.summary})
        self._each(lambda tracker: tracker.finish())

    def _log(self, row: CurveRow) -> None:
        step = row.pop("step", None)
        self._each(lambda tracker: tracker.log(dict(row), step=step))

    def _each(self, act: "Callable[[Tracker], None]") -> None:
        for name, tracker in list(self.trackers.items()):
            try:
                act(tracker)
            except Exception as error:  # each has errors of its own; none is worth a run
                del self.trackers[name]
                tqdm.write(f"{name}: dropped, training goes on: {error!r}", file=sys.stderr)


@contextmanager
def training_log(
    run_id: str, names: Sequence[str], facts: Mapping[str, Any], device: torch.device
) -> Iterator[TrainingLog]:
    """Open the log in ``.dvc/tmp/logs`` and the trackers of ``names``; closed after success.

    Args:
        run_id: stage and key, ``train-0123…``; the ``request_id`` of each line.
        names: ``operations.trackers``.
        facts: hyperparameters and whatever else determines the run.
        device: whose memory and load are logged.

    Raises:
        InputError: if a tracker can't be opened; later faults are said and end no training.
    """
    found = [path for pattern in DATA_METRICS for path in sorted(Path().glob(pattern))]
    config = {**facts, **{str(path.with_suffix("")): read_json(path) for path in found}}
    folder = dvc_tmp() / "logs"
    # By name, so that an edit of a tracker starts no unfinished training afresh.
    room = module_by_name("asr", "trackers", "operations.trackers")
    on_cpu = device.type == "cpu"
    trackers = {
        name: room.open_tracker(name, folder, run_id, config, on_cpu=on_cpu)
        for name in ("jsonl", *names)
    }
    log = TrainingLog(trackers, device)
    yield log
    log.close()


def load_of(device: torch.device) -> CurveRow:
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
    except Exception:  # NVML has many errors; a slice of a GPU, for one, has no such number
        return {}


def write_curve(path: Path, columns: tuple[str, ...], rows: list[CurveRow]) -> None:
    """Write rows under ``columns``; a curve without points keeps its header."""
    write_csv(path, columns, ([row[column] for column in columns] for row in rows))
