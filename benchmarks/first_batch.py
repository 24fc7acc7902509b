"""CPU seconds and peak memory of a stage until its first batch, in a process of its own.

    python -m benchmarks.first_batch train <result.json> --base … (the options of the stage)

Training is stopped when its first step asks for its batches, transcribing when the first clip is
read. What is measured includes all imports, the weights, the checks and the plan.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

from asr.core.cli import run
from asr.core.files import write_json
from asr.training.update import Updater
from asr.utterances.shards import Waveforms
from benchmarks.measure import peak_mb
from stages.train import train_stage
from stages.transcribe import transcribe


def stop(*unused: Any) -> Any:
    """Write what was used so far, and end the process."""
    write_json(Path(sys.argv[0]), {"cpu_s": round(time.process_time(), 2), "peak_mb": peak_mb()})
    os._exit(0)


if __name__ == "__main__":
    stage, sys.argv = sys.argv[1], sys.argv[2:]
    if stage == "train":
        setattr(Updater, "step", stop)  # noqa: B010  (mypy would compare the signatures)
        run(train_stage)
    else:
        setattr(Waveforms, "__getitem__", stop)  # noqa: B010
        run(transcribe)
