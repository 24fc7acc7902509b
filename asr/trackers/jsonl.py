"""The log that is always there: one JSON object a line, appended, whole after each step."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class JsonLines:
    """Lines with ``timestamp``, ``request_id`` and ``stage`` beside what they say."""

    def __init__(self, path: Path, run_id: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.run_id = path, run_id

    def log(self, row: Mapping[str, Any]) -> None:
        """Append one line; opened anew each time, so that a log that was moved away starts anew."""
        line = {
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "request_id": self.run_id,
            "stage": self.run_id.partition("-")[0],
            **row,
        }
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def close(self, summary: Mapping[str, Any]) -> None:
        """Append the summary as the last line."""
        self.log({"event": "end", **summary})


def open_tracker(folder: Path, run_id: str, config: Mapping[str, Any]) -> JsonLines:
    """Open ``<folder>/<run_id>.jsonl``; its first line, and that of each resume, is the config."""
    tracker = JsonLines(folder / f"{run_id}.jsonl", run_id)
    tracker.log({"event": "start", "config": config})
    return tracker
