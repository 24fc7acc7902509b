"""Trackio, a tracker without a server: ``trackio show --project mothertongue``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROJECT = "mothertongue"


class Trackio:
    """A run in Trackio's own place, which ``TRACKIO_DIR`` names."""

    def __init__(self, run_id: str, config: Mapping[str, Any]) -> None:
        import trackio

        self.run: Any = trackio.init(
            project=PROJECT, name=run_id, config=dict(config), resume="allow", embed=False
        )

    def log(self, row: Mapping[str, Any]) -> None:
        """Send one row."""
        metrics = {name: value for name, value in row.items() if name != "step"}
        self.run.log(metrics, step=row["step"])

    def close(self, summary: Mapping[str, Any]) -> None:
        """Send the summary as a last row, and end."""
        self.run.log({f"summary/{name}": value for name, value in summary.items()})
        self.run.finish()


def open_tracker(folder: Path, run_id: str, config: Mapping[str, Any]) -> Trackio:
    """Start the run ``run_id``, or go on with it."""
    return Trackio(run_id, config)
