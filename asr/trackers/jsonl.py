"""The log that is always there: one JSON object a line, appended, whole after each step."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class JsonLines:
    """Lines with ``timestamp``, ``request_id`` and ``stage`` beside what they say.

    The first line, and that of each resume, is the configuration.
    """

    def __init__(self, path: Path, run_id: str, config: Mapping[str, Any]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.run_id = path, run_id
        self.log({"event": "start", "config": config})

    def log(self, values: dict[str, Any], step: int | None = None) -> None:
        """Append one line; opened anew each time, so that a log that was moved away starts anew."""
        line = {
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "request_id": self.run_id,
            "stage": self.run_id.partition("-")[0],
            "step": step,
            "gpu_utilization": None,  # where there is no GPU; trackers have no such curve then
            **values,
        }
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def finish(self) -> None:
        """Nothing: each line is whole."""
