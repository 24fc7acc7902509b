"""Our server against those of faster-whisper, under load: ``python -m benchmarks.serving``.

Clients send clips one after the other, each the next as soon as its answer is there: short ones as
they are in the starter corpus, and clips joined to about 5 s. Every server has the same tuned model
in int8, searches greedily, and starts anew for each cell of the table. The clients run on the same
cores. Beside speed and memory the answers' WER is measured, since a fast wrong answer is no use.

Each cell goes to ``benchmarks/results/serving.json`` as soon as it is measured. A run that was
stopped goes on with the missing cells; after a whole one all are measured again.

    python -m benchmarks.serving                # three minutes a cell, 40 minutes in all
    python -m benchmarks.serving --seconds 60
    python -m benchmarks.serving --quick        # five seconds, ours and one other, writes nothing
    python -m benchmarks.tables                 # the table in docs/serving.md
"""

import argparse
import hashlib
import io
import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import soundfile
from tqdm import tqdm

from asr.text.error_rate import ErrorCounts
from asr.utterances.waveform import SAMPLE_RATE
from benchmarks.accuracy import clip_errors, difference, wer
from benchmarks.corpora import Clip, Corpus, read_corpus
from benchmarks.load import Load, put_load, request
from benchmarks.measure import RESULTS, memory_mb, reset_peak, write_result
from benchmarks.servers import (
    OURS,
    PACKAGE,
    PEER,
    Server,
    end_servers_on_sigterm,
    names,
    started,
)
from benchmarks.serving_table import shown

MANIFEST, TUNED = Path("data/manifests/test.jsonl"), Path("models/tuned")
CLIPS, QUICK_CLIPS = {"starter": 203, "cv": 64}, {"starter": 8, "cv": 4}
CLIENTS, QUICK_CLIENTS = (1, 8, 50), (2,)
# The package decodes one file at a time, however many clients ask: a short look is enough.
PACKAGE_CLIENTS, PACKAGE_MIN_S = (8,), 15.0
WARM_UP_S, QUICK_S = 2.0, 5.0


@dataclass(frozen=True)
class Cell:
    """One measurement: a server, a corpus, a number of clients and the seconds of the load."""

    server: str
    corpus: str
    clients: int
    seconds: float

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        return {"server": self.server, "corpus": self.corpus, "clients": self.clients,
                "seconds": self.seconds}  # fmt: skip


def cells(seconds: float, servers: Sequence[str], *, quick: bool) -> list[Cell]:
    """All cells; those to compare follow one another, so that they meet the same machine."""
    found = []
    for corpus in CLIPS:
        for clients in QUICK_CLIENTS if quick else CLIENTS:
            for server in servers:
                if server == PACKAGE and (quick or clients not in PACKAGE_CLIENTS):
                    continue
                own_s = max(PACKAGE_MIN_S, seconds / 6) if server == PACKAGE else seconds
                found.append(Cell(server, corpus, clients, own_s))
    return found


def cpu_s(pid: int) -> float:
    """CPU seconds of a process, with all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Memory:
    """Memory of a process in MB: its peak, and what it holds after a third and at the end."""

    def __init__(self, pid: int, seconds: float) -> None:
        reset_peak(pid)
        self._pid: int = pid
        self._after_a_third: int | None = None
        self._timer = threading.Timer(seconds / 3, self._look)
        self._timer.start()

    def _look(self) -> None:
        self._after_a_third = memory_mb(self._pid, "VmRSS")

    def found(self) -> dict[str, int | None]:
        """The figures; call it at the end."""
        self._timer.join()
        peak, end = (memory_mb(self._pid, name) for name in ("VmHWM", "VmRSS"))
        return {"peak": peak, "after_a_third": self._after_a_third, "end": end}


def wav(clip: Clip) -> bytes:
    """A clip as a file that a client would send."""
    file = io.BytesIO()
    soundfile.write(file, clip[0], SAMPLE_RATE, format="WAV", subtype="PCM_16")
    return file.getvalue()


def measure(cell: Cell, server: Server, clips: Sequence[Clip]) -> dict[str, Any]:
    """Put a load on a server that runs."""
    requests = [
        request(server.url, wav(clip), {"model": "whisper-1", "language": clip[1].language})
        for clip in clips
    ]
    put_load(server.url, requests, 2, WARM_UP_S)
    memory, used_s, own_s = Memory(server.pid, cell.seconds), cpu_s(server.pid), time.process_time()
    load = put_load(server.url, requests, cell.clients, cell.seconds)
    used_s, own_s = cpu_s(server.pid) - used_s, time.process_time() - own_s
    return cell.facts() | figures(load, clips, used_s, own_s) | {"memory_mb": memory.found()}


def figures(load: Load, clips: Sequence[Clip], used_s: float, own_s: float) -> dict[str, Any]:
    """What a load showed; ``used_s`` and ``own_s`` are CPU seconds of server and clients."""
    right = [answer for answer in load.answers if answer.text is not None]
    first: dict[int, str] = {}
    for answer in right:
        first.setdefault(answer.clip, answer.text or "")
    numbers = sorted(first)
    errors = clip_errors([clips[n] for n in numbers], [first[n] for n in numbers])
    return {
        "answers": len(right),
        "errors": load.num_errors,
        "first_errors": load.errors,
        "unanswered": load.unanswered,
        "clips_a_s": round(load.clips_a_s, 3),
        "latency_s": {f"p{p}": load.latency_s(p) for p in (50, 95, 99)},
        "cpu_s_a_clip": round(used_s / len(right), 4) if right else None,
        "clients_cpu_s_a_clip": round(own_s / len(right), 5) if right else None,
        "wer": wer(errors) if errors else None,
        # By the clip's number: word errors of its first answer and words of its reference.
        "word_errors": " ".join(
            f"{n}:{one.num_errors}/{one.num_reference}"
            for n, one in zip(numbers, errors, strict=True)
        ),
    }


def compared(ours: dict[str, Any], peer: dict[str, Any], clips: Sequence[Clip]) -> dict[str, Any]:
    """How many times better ours is, and the difference in WER on clips that both answered."""
    counts = [_counts(cell["word_errors"]) for cell in (ours, peer)]
    both = sorted(counts[0].keys() & counts[1].keys())
    first, second = ([one[n] for n in both] for one in (counts[1], counts[0]))
    return {
        **{name: ours[name] for name in ("corpus", "clients")},
        "peer": peer["server"],
        "times": _ratio(ours["clips_a_s"], peer["clips_a_s"]),
        "times_cpu": _ratio(peer["cpu_s_a_clip"], ours["cpu_s_a_clip"]),
        "times_p95": _ratio(peer["latency_s"]["p95"], ours["latency_s"]["p95"]),
        "clips": len(both),
        "wer_difference": difference([clips[n] for n in both], first, second) if both else None,
    }


def _ratio(above: float | None, below: float | None) -> float | None:
    return round(above / below, 2) if above is not None and below else None


def _counts(text: str) -> dict[int, ErrorCounts]:
    found = {}
    for word in text.split():
        number, _, counts = word.partition(":")
        errors, _, length = counts.partition("/")
        found[int(number)] = ErrorCounts(int(length), substitutions=int(errors))
    return found


def compare_all(measured: Sequence[dict[str, Any]], corpora: dict[str, Corpus]) -> list[Any]:
    """``compared`` for each cell of another server that has one of ours beside it."""
    ours = {(c["corpus"], c["clients"]): c for c in measured if c["server"] == OURS}
    return [
        compared(ours[key], cell, corpora[cell["corpus"]].clips)
        for cell in measured
        if cell["server"] != OURS and (key := (cell["corpus"], cell["clients"])) in ours
    ]


def earlier(facts: dict[str, Any], wanted: Sequence[Cell]) -> list[dict[str, Any]]:
    """The cells of a run that was stopped: with the same facts, and not all there."""
    path = RESULTS / "serving.json"
    before = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    same = all(before.get(name) == value for name, value in facts.items())
    found: list[dict[str, Any]] = before.get("cells", []) if same else []
    keys = [one.facts() for one in wanted]
    left = [one for one in found if {name: one[name] for name in keys[0]} in keys]
    return left if len(left) < len(wanted) else []


def line(cell: dict[str, Any]) -> str:
    """A cell in one line."""
    latencies = ", ".join(f"{name} {shown(value)} s" for name, value in cell["latency_s"].items())
    memory = cell["memory_mb"]
    return (
        f"{cell['corpus']}, {cell['clients']} clients, {cell['server']}: {cell['clips_a_s']:.2f} "
        f"clips/s, {latencies}, {shown(cell['cpu_s_a_clip'])} CPU s a clip, {cell['errors']} "
        f"errors, peak {memory['peak']} MB, {memory['end']} MB at the end, WER {shown(cell['wer'])}"
    )


@contextmanager
def converted() -> Iterator[tuple[Path, Path]]:
    """The tuned model in CTranslate2's form, and a folder for other files."""
    from benchmarks.conversions import to_ctranslate2

    with TemporaryDirectory() as scratch:
        yield to_ctranslate2(TUNED, Path(scratch, "model"), "int8"), Path(scratch)


def main() -> None:
    """Measure what is missing, print a line for each cell, and write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=180.0, help="of the load on each server")
    parser.add_argument("--quick", action="store_true", help="few seconds; writes nothing")
    given = parser.parse_args()
    if not Path("/proc/self/status").exists():
        sys.exit("benchmarks.serving: expected Linux, whose /proc has the figures of a server")
    end_servers_on_sigterm()
    counts = QUICK_CLIPS if given.quick else CLIPS
    corpora = {name: read_corpus(name, MANIFEST, count) for name, count in counts.items()}
    servers = [OURS, PEER] if given.quick else names()
    wanted = cells(QUICK_S if given.quick else given.seconds, servers, quick=given.quick)
    facts = {
        "clips": {name: corpus.facts() for name, corpus in corpora.items()},
        "model_sha256": hashlib.sha256((TUNED / "model.safetensors").read_bytes()).hexdigest(),
        "servers": servers,
    }
    measured = [] if given.quick else earlier(facts, wanted)
    done = {(one["server"], one["corpus"], one["clients"]) for one in measured}
    left = [one for one in wanted if (one.server, one.corpus, one.clients) not in done]
    print(
        f"{len(left)} of {len(wanted)} cells, {sum(one.seconds for one in left) / 60:.0f} minutes"
    )
    result: dict[str, Any] = {}
    with converted() as (model, folder):
        for cell in tqdm(left, unit="cell", disable=given.quick):
            with started(cell.server, TUNED, model, folder, cell.clients) as server:
                measured.append(measure(cell, server, corpora[cell.corpus].clips))
            tqdm.write(line(measured[-1]))
            result = {**facts, "cells": measured, "compared": compare_all(measured, corpora)}
            if not given.quick:
                write_result("serving", result, keep=True, quiet=True)
    for one in result["compared"]:
        print(json.dumps(one, sort_keys=True))


if __name__ == "__main__":
    main()
