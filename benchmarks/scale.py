"""Time and memory of each data stage and of a training step, by corpus size.

    python -m benchmarks.scale --sizes 100 1000 10000 --format stamps

Utterances are the starter clips under new ids. Each has noise of its own, so that none is a
duplicate, and a word of its own, so that no two share a sentence. A child has fifty utterances, a
session ten. The stages run in a clone, so only committed code is measured.
Format ``jsonl`` is DrivenData's layout: ``audio/{utterance_id}.flac`` and a manifest. The audit
runs only with ``--audit``, because it takes a sixth of a core second a clip. This writes
``benchmarks/results/scale.json`` and ``scale.svg``, and replaces earlier results of the same size.
"""

import argparse
import io
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from asr.audit.table import AuditRow, write_audit
from asr.core.params import read_yaml
from asr.corpora.formats import corpus_format
from asr.corpora.raw_folder import RawFiles
from asr.utterances.shards import read_utterances, read_waveforms
from asr.utterances.waveform import SAMPLE_RATE, Waveform
from asr.workers.workers import chosen_workers
from benchmarks.measure import RESULTS, measured
from benchmarks.scale_plot import plot

NEW = 10  # clips added after the first run
NAME, LANGUAGE = "scale", "be"

Clip = tuple[Waveform, str]
SOUND_ROW = AuditRow(
    id="", keep="yes", fault="", fit=None, wholeness=None, log_prob=0.0, cer=0.0, tail_gain=0.0,
    end_drop_db=0.0, no_speech_prob=0.0, text_language=None, heard_language=LANGUAGE,
    chars_per_s=0.0, duration_s=0.0, text="", hypothesis="",
)  # fmt: skip


def starter_clips(repo: Path) -> list[Clip]:
    """Waveform and sentence of every Belarusian starter recording that prepare keeps."""
    fetch, prepare = "stages.fetch", "stages.prepare"
    measured(repo, sys.executable, "-m", fetch, "--corpus", "be", "--out", "data/raw/be")
    measured(repo, sys.executable, "-m", prepare, *_prepare_options("be"))
    utterances = read_utterances(repo / "data/prepared/be")
    waveforms = read_waveforms(repo / "data/prepared", utterances)
    return list(zip(waveforms, (u.text for u in utterances), strict=True))


def write_recordings(folder: Path, clips: Sequence[Clip], numbers: range, layout: str) -> None:
    """Write the recordings with these numbers, with the format's transcripts."""
    random = np.random.default_rng(numbers.start)
    noise = random.normal(0, 1e-3, 31 * SAMPLE_RATE).astype(np.float32)
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    with (folder / "manifest.jsonl").open("a", encoding="utf-8") as manifest:
        for number in numbers:
            waveform, text = clips[number % len(clips)]
            start = int(random.integers(SAMPLE_RATE))
            file = io.BytesIO()
            noisy = waveform * random.uniform(0.7, 0.9) + noise[start : start + len(waveform)]
            soundfile.write(file, noisy.clip(-1, 1), SAMPLE_RATE, format="FLAC")
            name, text = f"U{number:06}", f"{text} {_word(number)}"
            line = {
                "utterance_id": name,
                "audio_path": f"audio/{name}.flac",
                "orthographic_text": text,
                "child_id": f"C{number // 50}",
                "session_id": f"S{number // 10}",
                "age_bucket": ("3-4", "5-7", "8-11", "12+")[number // 50 % 4],
            }
            if layout == "jsonl":
                (folder / line["audio_path"]).write_bytes(file.getvalue())
                manifest.write(json.dumps(line, ensure_ascii=False) + "\n")
            else:
                stem = folder / "audio" / name
                stem.with_name(f"{name}_desc_{LANGUAGE}.ogg").write_bytes(file.getvalue())
                stem.with_suffix(".txt").write_text(f"{LANGUAGE}.utf8={text}\n", encoding="utf-8")


def _word(number: int) -> str:
    """A word of five letters, different for every number."""
    letters = "абвгдежзіклмнопр"
    return "".join(letters[number >> shift & 15] for shift in (16, 12, 8, 4, 0))


def measure(
    repo: Path, clips: Sequence[Clip], num: int, layout: str, *, with_audit: bool
) -> dict[str, Any]:
    """Run and measure every stage on ``num`` utterances, each in a process of its own."""
    source = repo / "source" / str(num)
    write_recordings(source, clips, range(num), layout)
    block = f"\n{NAME}:\n  kind: folder\n  path: {source}\n  license: CC0-1.0\n"
    (repo / "conf/sources.yaml").write_text(block, encoding="utf-8")
    # Remove outs and caches, to measure a first run.
    for made in ("data", "models/tuned", ".dvc/tmp/prepare", ".dvc/tmp/audit", ".dvc/tmp/scratch"):
        shutil.rmtree(repo / made, ignore_errors=True)

    def stage(name: str, *options: str) -> dict[str, float]:
        return measured(repo, sys.executable, "-m", f"stages.{name}", *options)

    def fetch() -> dict[str, float]:
        return stage("fetch", "--corpus", NAME, "--out", f"data/raw/{NAME}")

    def prepare() -> dict[str, float]:
        return stage("prepare", *_prepare_options(NAME))

    def audit() -> dict[str, float]:
        places = "--judge", "models/judge", "--prepared", "data/prepared"
        outs = "--out", f"data/audit/{NAME}.csv", "--metrics", f"metrics/audit/{NAME}.json"
        return stage("audit", "--corpus", NAME, *places, *outs)

    found: dict[str, Any] = {
        "fetch": fetch(),
        "read raw": _read(repo, layout),
        "prepare": prepare(),
    }
    if with_audit:
        found["audit"] = audit()
    write_recordings(source, clips, range(num, num + NEW), layout)
    found[f"fetch, {NEW} more"] = fetch()
    found[f"prepare, {NEW} more"] = prepare()
    if with_audit:
        found[f"audit, {NEW} more"] = audit()
    else:
        _write_passing_audit(repo)
    folders = "--prepared", "data/prepared", "--rejects", "data/rejects", "--audit", "data/audit"
    outs = "--manifests", "data/manifests", "--metrics", "metrics/data.json"
    found["split"] = stage("split", *folders, "--model", "models/base", *outs)
    done = [f"fetch@{NAME}", f"prepare@{NAME}"]
    found["dvc commit"] = measured(repo, "dvc", "commit", "--quiet", "--force", *done)
    found["dvc status"] = measured(repo, "dvc", "status", "--quiet", *done)
    manifests = "--train-manifest", "data/manifests/train.jsonl", "--dev-manifest"
    models = "--base", "models/base", "--prepared", "data/prepared", "--out", "models/tuned"
    found["one training step"] = stage(
        "train", *models, *manifests, "data/manifests/dev.jsonl", "--curves", "data/curves",
        "--noise", "conf/noise", "--replay-manifest", "data/manifests/replay.jsonl",
        "--metrics", "metrics/train.json",
    )  # fmt: skip
    return found


def _prepare_options(corpus: str) -> list[str]:
    places = {
        "raw": f"raw/{corpus}",
        "out": f"prepared/{corpus}",
        "rejects": f"rejects/{corpus}.csv",
        "inventory": f"inventory/{corpus}.csv",
        "validation": f"validation/{corpus}.json",
    }
    paths = [word for option, place in places.items() for word in (f"--{option}", f"data/{place}")]
    return ["--corpus", corpus, *paths]


def _write_passing_audit(repo: Path) -> None:
    """Write an audit without faults, which ``split`` needs."""
    utterances = read_utterances(repo / "data/prepared" / NAME)
    rows = [replace(SOUND_ROW, id=utterance.id) for utterance in utterances]
    write_audit(repo / f"data/audit/{NAME}.csv", rows)


def _read(repo: Path, layout: str) -> dict[str, float]:
    """Seconds to find and read every recording of the raw folder, and their number."""
    started = time.perf_counter()
    files = RawFiles(repo / "data/raw" / NAME)
    read: Callable[..., Any] = corpus_format(layout).read
    num = sum(1 for one in read(files, LANGUAGE, {}) if bytes(one.audio))
    return {"seconds": round(time.perf_counter() - started, 2), "num": num}


def _set_params(path: Path, layout: str) -> None:
    params = read_yaml(path)
    params["corpora"] = {NAME: {"format": layout, "language": LANGUAGE, "source": NAME}}
    # Each sentence ends in a word that is not in the audio, so the audit flags all of them.
    params["audit"] |= {"stop_share": 1.0}
    params["train"] |= {"max_steps": 1, "num_epochs": 1, "num_dev_utterances": 4}
    path.write_text(json.dumps(params), encoding="utf-8")  # JSON is YAML


def main() -> None:
    """Measure each size; write and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", required=True)
    parser.add_argument("--format", choices=["stamps", "jsonl"], required=True)
    parser.add_argument("--audit", action="store_true")
    options = parser.parse_args()
    path = RESULTS / "scale.json"
    results = json.loads(path.read_text()) if path.is_file() else {}
    with tempfile.TemporaryDirectory() as folder:
        repo = Path(folder, "clone")
        measured(Path.cwd(), "git", "clone", "--quiet", ".", str(repo))
        clips = starter_clips(repo)
        for section, out in (("model", "models/base"), ("audit.judge", "models/judge")):
            bring = "-m", "stages.base", "--section", section, "--out", out
            measured(repo, sys.executable, *bring)
        _set_params(repo / "params.yaml", options.format)
        for num in options.sizes:
            results[str(num)] = {
                "num_workers": chosen_workers().num,
                "steps": measure(repo, clips, num, options.format, with_audit=options.audit),
            }
            print(num, json.dumps(results[str(num)], indent=2), flush=True)
            path.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n")
            (RESULTS / "scale.svg").write_text(plot(results))


if __name__ == "__main__":
    main()
