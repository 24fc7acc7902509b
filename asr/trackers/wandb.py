"""Weights & Biases, as its own variables say: ``WANDB_API_KEY``, or ``WANDB_MODE=offline``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROJECT = "mothertongue"


class WeightsAndBiases:
    """A run under one id, which what resumes it takes up again."""

    def __init__(self, folder: Path, run_id: str, config: Mapping[str, Any]) -> None:
        import wandb

        folder.mkdir(parents=True, exist_ok=True)
        self.run = wandb.init(
            project=PROJECT,
            id=run_id,
            dir=str(folder),
            config=dict(config),
            resume="allow",
            # Its server need not know this machine's program, host and packages.
            settings=wandb.Settings(quiet=True, save_code=False, console="off"),
        )

    def log(self, row: Mapping[str, Any]) -> None:
        """Send one row."""
        self.run.log(dict(row), step=row["step"])

    def close(self, summary: Mapping[str, Any]) -> None:
        """Send the summary and end."""
        self.run.summary.update(dict(summary))
        self.run.finish()


def open_tracker(folder: Path, run_id: str, config: Mapping[str, Any]) -> WeightsAndBiases:
    """Start the run ``run_id``, or go on with it."""
    return WeightsAndBiases(folder, run_id, config)
