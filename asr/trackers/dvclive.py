"""DVCLive: curves while training lasts, for DVC's extension of VS Code and for Studio."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Curves:
    """A folder of DVCLive's, outside of what ``dvc.yaml`` lists: it holds wall times."""

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        from dvclive.live import Live

        # The experiment is DVC's own; a report or a dvc.yaml of Live's would be beside it.
        self.live: Any = Live(
            str(folder), resume=True, report=None, save_dvc_exp=False, dvcyaml=None
        )
        self.live.log_params(dict(config))

    def log(self, row: Mapping[str, Any]) -> None:
        """Write a point of each curve."""
        self.live.step = row["step"]
        for name, value in row.items():
            if name != "step" and value is not None:
                self.live.log_metric(name, value)
        self.live.make_summary()

    def close(self, summary: Mapping[str, Any]) -> None:
        """Write the summary among the metrics."""
        for name, value in summary.items():
            self.live.summary[name] = value
        self.live.end()


def open_tracker(folder: Path, run_id: str, config: Mapping[str, Any]) -> Curves:
    """Write into ``<folder>/dvclive/<run_id>``."""
    return Curves(folder / "dvclive" / run_id, config)
