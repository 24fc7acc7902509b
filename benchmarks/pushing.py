"""Bytes that ``dvc push`` and ``dvc pull`` send, for a corpus and after ten clips more.

    python -m benchmarks.pushing [--hours 100] [--quick]

The corpus is noise as loud as soft speech. A clip of 50 ms stands for one of 1.4 s, and shards are
smaller by as much: so they hold as many clips, and the corpus has as many shards. After the first
push come ten clips more of one recording, whose ids follow each other, then ten whose ids fall
anywhere among the others. The remote is a real S3 server on loopback, and what it holds is counted
there. This writes ``benchmarks/results/pushing.json``.
"""

import argparse
import hashlib
import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from asr.core.params import load_params
from asr.preparation.params import PrepareParams
from asr.utterances.shards import write_shards
from asr.utterances.utterance import Utterance
from benchmarks.measure import write_result
from tests.s3_server import S3Server, s3_server

NUM_SAMPLES, STANDS_FOR = 800, 22_400  # 50 ms, 1.4 s
NEW = 10
REMOTE = "dvc/storage/files"


def clips(numbers: Iterable[int]) -> Iterator[tuple[Utterance, bytes]]:
    """Clips with these numbers; a clip is the same whatever the others are."""
    for number in numbers:
        noise = np.random.default_rng(number).normal(0, 300, NUM_SAMPLES)
        audio = noise.astype("<i2").tobytes()
        yield Utterance(
            id=f"xx/{number:08}", corpus="xx", text="Адзін.", duration_s=0.05, language="be",
            speaker_id=None, session_id=None, license="CC0-1.0", source="noise",
            sha256=hashlib.sha256(audio).hexdigest(), attributes={}, shard="", row=0,
        ), audio  # fmt: skip


def write_corpus(folder: Path, numbers: Iterable[int], shard_bytes: int) -> dict[str, int]:
    """Write the shards anew; their sizes by name."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_shards(folder, clips(numbers), shard_bytes)
    return {path.name: path.stat().st_size for path in folder.iterdir()}


def measure(folder: Path, server: S3Server, num: int, shard_bytes: int) -> list[dict[str, object]]:
    """Push and pull the corpus, twice; one row a step."""
    environment = {**os.environ, **server.credentials}
    repo, clone, rows = folder / "repo", folder / "clone", list[dict[str, object]]()
    numbers = range(0, 1000 * num, 1000)  # with room between them
    together = [1000 * (num // 3) + n for n in range(1, NEW + 1)]
    anywhere = [1000 * n + 99 for n in random.Random(1).sample(range(num), NEW)]
    steps = {
        "all": list(numbers),
        f"{NEW} clips more of one recording": sorted([*numbers, *together]),
        f"{NEW} clips more anywhere": sorted([*numbers, *together, *anywhere]),
    }

    def run(where: Path, *words: str) -> None:
        subprocess.run(words, cwd=where, env=environment, check=True, stdout=subprocess.DEVNULL)

    def remote() -> dict[str, int]:
        files = server.files()
        return {path: files.size(path) for path in files.find(REMOTE)} if files.exists(
            REMOTE
        ) else {}  # fmt: skip

    def cached() -> dict[str, int]:
        cache = clone / ".dvc/cache/files"
        return {str(one): one.stat().st_size for one in cache.rglob("*") if one.is_file()}

    repo.mkdir()
    run(repo, "git", "init", "--quiet")
    run(repo, "git", "config", "user.name", "benchmark")
    run(repo, "git", "config", "user.email", "benchmark@example.com")
    run(repo, "dvc", "init", "--quiet")
    run(repo, "dvc", "config", "cache.type", "reflink,hardlink,copy")
    run(repo, "dvc", "remote", "add", "--default", "storage", "s3://dvc/storage")
    for name, chosen in steps.items():
        sizes = write_corpus(repo / "shards", chosen, shard_bytes)
        run(repo, "dvc", "add", "shards")
        run(repo, "git", "add", "-A")
        run(repo, "git", "commit", "--quiet", "--message", name)
        before = remote()
        run(repo, "dvc", "push")
        sent = {path: size for path, size in remote().items() if path not in before}
        if not clone.exists():
            run(folder, "git", "clone", "--quiet", str(repo), str(clone))
        run(clone, "git", "pull", "--quiet")
        held = cached() if (clone / ".dvc/cache").exists() else {}
        run(clone, "dvc", "pull")
        pulled = {path: size for path, size in cached().items() if path not in held}
        rows.append({
            "step": name, "clips": len(chosen), "shards": len(sizes),
            "bytes": sum(sizes.values()), "files_sent": len(sent), "bytes_sent": sum(sent.values()),
            "files_pulled": len(pulled), "bytes_pulled": sum(pulled.values()),
        })  # fmt: skip
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Measure, write the result and print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=float, default=100)
    parser.add_argument("--quick", action="store_true", help="write no result")
    given = parser.parse_args()
    shard_mb = load_params("prepare", PrepareParams).shard_mb
    shard_bytes = (shard_mb << 20) * NUM_SAMPLES // STANDS_FOR
    with tempfile.TemporaryDirectory() as temporary, s3_server(Path(temporary)) as server:
        folder = Path(temporary, "work")
        folder.mkdir()
        num = round(given.hours * 3600 / 1.4)
        rows = measure(folder, server, num, shard_bytes)
    write_result(
        "pushing",
        {"hours": given.hours, "shard_bytes": shard_bytes, "rows": rows},
        keep=not given.quick,
    )


if __name__ == "__main__":
    main()
