"""What changed in a table since its last fetch on this machine: it is counted and printed.

The hashes of the last fetch are in DVC's temporary folder: an out that held them would differ with
the history of a machine.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from asr.core.files import read_json, write_json
from asr.core.locks import dvc_tmp


def print_changes(table: str, watermark: int | str | None, lines: Mapping[str, str]) -> None:
    """Print how many rows are new, changed and gone, and store the rows' hashes for next time.

    Args:
        table: what tells this query from others.
        watermark: up to which rows were fetched; None for all.
        lines: of each row, by id.
    """
    path = dvc_tmp() / "fetched" / f"{hashlib.sha256(table.encode()).hexdigest()[:20]}.json"
    now = {key: hashlib.sha256(line.encode()).hexdigest()[:20] for key, line in lines.items()}
    before: dict[str, Any] = read_json(path) if path.is_file() else {"rows": {}, "watermark": None}
    old = before["rows"]
    new = sum(key not in old for key in now)
    changed = sum(old.get(key, value) != value for key, value in now.items())
    gone = sum(key not in now for key in old)
    up_to = "" if watermark is None else f" up to {watermark}"
    since = "" if before["watermark"] is None else f" (up to {before['watermark']})"
    if old:
        counts = f"{new} new, {changed} changed, {gone} gone since the last fetch{since}"
    else:
        counts = "the first fetch on this machine"
    print(f"{len(now)} rows{up_to}: {counts}")
    write_json(path, {"rows": now, "watermark": watermark})
