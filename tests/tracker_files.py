"""Read back what each tracker wrote of one run, with the tracker's own reader where it has one."""

import csv
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asr.core.params import read_yaml


@dataclass
class Read:
    """Configuration of a run, and by name the values logged with their steps."""

    config: dict[str, Any]
    values: dict[str, list[tuple[int | None, Any]]]

    def last(self, name: str) -> Any:
        return self.values[name][-1][1] if name in self.values else None


def of_rows(config, rows) -> Read:
    values: dict[str, list[tuple[int | None, Any]]] = {}
    for row in rows:
        for name, value in row.items():
            if value is not None:
                values.setdefault(name, []).append((row.get("step"), value))
    return Read(config, values)


def read_jsonl(logs: Path, run_id: str) -> Read:
    rows = [json.loads(line) for line in (logs / f"{run_id}.jsonl").read_text().splitlines()]
    return of_rows(rows[0].pop("config"), rows)


def read_tensorboard(logs: Path, run_id: str) -> Read:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(logs / "tensorboard" / run_id)).Reload()
    tags = events.Tags()
    values = {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in tags["scalars"]}
    for tag in tags["tensors"]:
        words = [
            (e.step, e.tensor_proto.string_val[0].decode("utf-8")) for e in events.Tensors(tag)
        ]
        values[tag.removesuffix("/text_summary")] = words
    return Read(json.loads(values.pop("config")[0][1]), values)


def read_dvclive(logs: Path, run_id: str) -> Read:
    folder = logs / "dvclive" / run_id
    latest = json.loads((folder / "metrics.json").read_text())
    values = {name: [(None, value)] for name, value in latest.items()}
    for path in (folder / "plots" / "metrics").rglob("*.tsv"):
        with path.open() as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        values[path.stem] = [(int(row["step"]), number_of(row[path.stem])) for row in rows]
    return Read(read_yaml(folder / "params.yaml"), values)


def number_of(word: str) -> float | str:
    try:
        return float(word)
    except ValueError:
        return word


def read_trackio(logs: Path, run_id: str) -> Read:
    from trackio.sqlite_storage import SQLiteStorage

    config = SQLiteStorage.get_run_config("mothertongue", run_id)
    return of_rows(config, SQLiteStorage.get_logs("mothertongue", run_id))


def read_wandb(logs: Path, run_id: str) -> Read:
    records = wandb_records(logs)
    rows = [
        {item.key or item.nested_key[0]: json.loads(item.value_json) for item in r.history.item}
        for r in records
        if r.HasField("history")
    ]
    (started,) = [r.run for r in records if r.HasField("run")]
    config = {u.key: json.loads(u.value_json) for u in started.config.update}
    return of_rows(config, [{**row, "step": row["_step"]} for row in rows])


def wandb_records(folder: Path) -> list[Any]:
    """All that W&B wrote of the one run in ``folder``."""
    import wandb
    from wandb.proto.wandb_internal_pb2 import Record

    wandb.teardown()  # its own process writes a moment longer than the run
    (path,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    return [Record.FromString(data) for data in leveldb_records(path.read_bytes())]


def leveldb_records(content: bytes):
    """A file of W&B's: 7 bytes of its own, then LevelDB's log format in blocks of 32 KiB."""
    place, record, block = 7, b"", 2**15
    while place + 7 <= len(content):
        if block - place % block < 7:  # the rest of a block is too short for a record
            place += block - place % block
            continue
        _, length, kind = struct.unpack_from("<IHB", content, place)
        record += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # a whole record, or the last part of one
            yield record
            record = b""


READERS = {
    "jsonl": read_jsonl,
    "tensorboard": read_tensorboard,
    "dvclive": read_dvclive,
    "trackio": read_trackio,
    "wandb": read_wandb,
}
