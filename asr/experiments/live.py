"""What training's logs say of an experiment that runs: its curve on dev, and its time."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from asr.core.locks import dvc_tmp


@dataclass(frozen=True)
class LiveCurve:
    """A training so far.

    Attributes:
        errors: WER and CER on dev, by step.
        seconds: that it ran; pauses between an interruption and its resumption don't count.
    """

    errors: dict[int, dict[str, float]]
    seconds: float


def live_curve(experiment: str, folder: Path | None = None) -> LiveCurve:
    """Read the log of an experiment; one that has none yet has an empty curve.

    Args:
        experiment: its name, which training finds in ``$DVC_EXP_NAME``.
        folder: of the logs; None: DVC's temporary folder.
    """
    errors: dict[int, dict[str, float]] = {}
    seconds = 0.0
    named = json.dumps({"experiment": experiment}, ensure_ascii=False)[1:-1]
    for path in sorted((folder or dvc_tmp() / "logs").glob("train-*.jsonl")):
        text = path.read_text(encoding="utf-8")
        if named not in text:
            continue
        start = before = None
        for line in _lines(text):
            now = datetime.fromisoformat(line["timestamp"])
            if line.get("event") == "start" and start is not None and before is not None:
                seconds += (before - start).total_seconds()
            start = now if line.get("event") == "start" or start is None else start
            before = now
            if "wer" in line:
                errors[line["step"]] = {key: line[key] for key in ("wer", "cer")}
        if start is not None and before is not None:
            seconds += (before - start).total_seconds()
    return LiveCurve(dict(sorted(errors.items())), seconds)


def _lines(text: str) -> Iterator[dict[str, Any]]:
    """The whole lines of a log; the last one may still be written."""
    for line in text.splitlines(keepends=True):
        if line.endswith("\n"):
            yield json.loads(line)
