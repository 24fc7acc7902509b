"""TensorBoard: ``tensorboard --logdir .dvc/tmp/logs/tensorboard``."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class TensorBoard:
    """A scalar a number."""

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(folder))
        # Indented text is shown as it stands.
        text = json.dumps(config, ensure_ascii=False, indent=2)
        self.writer.add_text("config", "".join(f"    {line}\n" for line in text.splitlines()))

    def log(self, row: Mapping[str, Any]) -> None:
        """Write a point of each curve."""
        for name, value in row.items():
            if name != "step" and value is not None:
                self.writer.add_scalar(name, value, row["step"])
        self.writer.flush()

    def close(self, summary: Mapping[str, Any]) -> None:
        """Write the summary as text."""
        self.writer.add_text("summary", str(dict(summary)))
        self.writer.close()


def open_tracker(folder: Path, run_id: str, config: Mapping[str, Any]) -> TensorBoard:
    """Write into ``<folder>/tensorboard/<run_id>``; what resumes a run adds a file to it."""
    return TensorBoard(folder / "tensorboard" / run_id, config)
