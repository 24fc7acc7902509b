"""The log of every run: one JSON object a line, appended and complete after each step."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class JsonLines:
    """A log file; each line has ``timestamp``, ``request_id`` and ``stage`` beside its values.

    The first line, and the first after each resumption, is the configuration.
    """

    def __init__(self, path: Path, run_id: str, config: Mapping[str, Any]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.run_id = path, run_id
        self.log({"event": "start", "config": config})

    def log(self, values: dict[str, Any], step: int | None = None) -> None:
        """Append one line; opens the file each time, so that log rotation works."""
        line = {
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "request_id": self.run_id,
            "stage": self.run_id.partition("-")[0],
            "step": step,
            "gpu_utilization": None,  # every line has the key, also without a GPU
            **values,
        }
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def finish(self) -> None:
        """Do nothing: the file is closed after each line."""
