"""Time and memory of split, score, compare and report, from 100 to a million utterances.

    python -m benchmarks.million [--sizes 100 1000 10000 100000 1000000] [--quick]

The utterances are those of ``benchmarks/scoring.py``: made-up sentences of four languages. Each has
a tenth of a second of audio, so that the report has something to play. Each stage runs in a
process of its own. ``split`` assigns all utterances; the other stages take all as the test set.
Writes ``benchmarks/results/million.json`` and ``million.svg``; other sizes in it stay.
"""

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from asr.audit.table import write_audit
from asr.core.files import write_json
from asr.core.params import read_yaml
from asr.preparation.rejects import write_rejects
from asr.training.progress import DEV_COLUMNS, TRAIN_COLUMNS
from asr.training.state.log import write_curve
from asr.utterances.shards import write_shards
from asr.utterances.utterance import Utterance, read_manifest, write_manifest
from asr.utterances.waveform import SAMPLE_RATE
from benchmarks.measure import RESULTS, measured
from benchmarks.scale import SOUND_ROW
from benchmarks.scale_plot import plot
from benchmarks.scoring import CLIPS_A_SPEAKER, LETTERS, write_test_set

STAGES = ("split", "score", "compare", "report")
SHARD_BYTES = 64 << 20
TONE = (3000 * np.sin(np.arange(SAMPLE_RATE // 10) / 9)).astype("<i2")


def with_audio(utterances: list[Utterance]) -> Iterator[tuple[Utterance, bytes]]:
    """Each utterance with a tone of its own, a tenth of a second long, and at least 8 speakers."""
    clips_a_speaker = min(CLIPS_A_SPEAKER, len(utterances) // 8)
    for number, one in enumerate(utterances):
        samples = TONE.copy()
        samples[:8] = np.frombuffer(hashlib.sha256(one.id.encode()).digest()[:16], "<i2")
        digest = hashlib.sha256(samples.tobytes()).hexdigest()
        own = {"sha256": digest, "speaker_id": f"s{number // clips_a_speaker}"}
        yield one.model_copy(update=own), samples.tobytes()


def write_inputs(folder: Path, num: int, model: Path) -> None:
    """Write what the four stages read: shards and tables of each corpus, manifest, hypotheses."""
    write_test_set(folder, num)
    utterances, written = read_manifest(folder / "test.jsonl"), list[Utterance]()
    for corpus in LETTERS:
        (folder / "prepared" / corpus).mkdir(parents=True)
        own = [one for one in utterances if one.corpus == corpus]
        placed = write_shards(folder / "prepared" / corpus, with_audio(own), SHARD_BYTES)
        rows = (replace(SOUND_ROW, id=one.id, heard_language=corpus) for one in placed)
        write_audit(folder / "audit" / f"{corpus}.csv", rows)
        write_rejects(folder / "rejects" / f"{corpus}.csv", [])
        written += placed
    by_id = {one.id: one for one in written}
    write_manifest(folder / "test.jsonl", (by_id[one.id] for one in utterances))
    params = read_yaml(folder / "params.yaml")
    params["corpora"] = {
        corpus: {"format": "stamps", "language": corpus, "source": "tuxpaint_stamps"}
        for corpus in LETTERS
    }
    (folder / "params.yaml").write_text(json.dumps(params), encoding="utf-8")
    (folder / "hypotheses").mkdir()
    for name in ("base", "tuned"):
        shutil.move(folder / f"{name}.jsonl", folder / "hypotheses")
    (folder / "words.jsonl").touch()
    (folder / "suspects.jsonl").touch()
    (folder / "sweeps").mkdir()
    write_json(folder / "metrics/scorecard.json", {"gates": {}})
    write_curve(folder / "curves/train.csv", TRAIN_COLUMNS, [])
    write_curve(folder / "curves/dev.csv", DEV_COLUMNS, [])
    (folder / "model").symlink_to(model.resolve())
    for code in ("asr", "stages"):
        (folder / code).symlink_to(Path(code).resolve())


def measure(folder: Path) -> Iterator[tuple[str, dict[str, float]]]:
    """Run the stages, and yield each one's name and figures.

    The report needs the scores of both models: those of the tuned one serve for both.
    """
    timing = {"audio_s": 1.0, "decode_s": 1.0, "rtfx": 1.0, "device": "cpu", "num_utterances": 1}
    write_json(folder / "timing.json", timing)

    def stage(name: str, **options: str) -> dict[str, float]:
        words = [word for key, value in options.items()
                 for word in (f"--{key.replace('_', '-')}", value)]  # fmt: skip
        return measured(folder, sys.executable, "-m", f"stages.{name}", *words)

    inputs = {"test_set": "test", "manifest": "test.jsonl"}
    yield "split", stage(
        "split", prepared="prepared", rejects="rejects", audit="audit", model="model",
        manifests="manifests", metrics="metrics/data.json",
    )  # fmt: skip
    yield "score", stage(
        "score", **inputs, hypotheses="hypotheses/tuned.jsonl", timing="timing.json",
        changes="changes.json", out="metrics/score/tuned.json", speed="metrics/speed/tuned.json",
    )  # fmt: skip
    for kind in ("score", "speed"):
        shutil.copy(folder / f"metrics/{kind}/tuned.json", folder / f"metrics/{kind}/base.json")
    yield "compare", stage(
        "compare", **inputs, base="hypotheses/base.jsonl", tuned="hypotheses/tuned.jsonl",
        champion="champion", out="metrics/compare.json",
    )  # fmt: skip
    report = stage(
        "report", manifest="test.jsonl", prepared="prepared", suspects="suspects.jsonl",
        hypotheses="hypotheses", alignment="words.jsonl", metrics="metrics", curves="curves",
        sweeps="sweeps", out="report.html",
    )  # fmt: skip
    yield "report", report | {"html_mb": round((folder / "report.html").stat().st_size / 1e6, 2)}


def main() -> None:
    """Measure each size; write and print the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[10**n for n in range(2, 7)])
    parser.add_argument("--model", type=Path, default=Path("models/base"))
    parser.add_argument("--quick", action="store_true", help="write no result")
    given = parser.parse_args()
    path = RESULTS / "million.json"
    results: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    for num in given.sizes:
        with tempfile.TemporaryDirectory() as temporary:
            write_inputs(Path(temporary), num, given.model)
            steps: dict[str, dict[str, float]] = {}
            for name, figures in measure(Path(temporary)):
                steps[name] = figures
                print(num, name, json.dumps(figures), flush=True)
        results[str(num)] = {"steps": steps}
        if not given.quick:
            path.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n")
            (RESULTS / "million.svg").write_text(plot(results, STAGES, "cpu_s"))


if __name__ == "__main__":
    main()
