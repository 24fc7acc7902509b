"""What tuning on be and bg does to ru and es, by ``train.replay.share``.

    python -m benchmarks.forgetting --folder /tmp/forgetting --steps 150

It needs data/prepared/be, data/prepared/bg and models/base of `make repro`. It fetches and prepares
ru and es of the same source, and tunes once for each of ``--shares``, always for ``--steps`` steps:
the same computing time, so a replayed clip takes the place of another. 100 steps are eight minutes
of one core. A share that is trained or transcribed is not done again. Decoding is greedy, in int8.

The splits are those of the stage ``split``. What it calls train and dev of ru and es is replayed,
and their test set is only scored: they share no sentence, no near-duplicate and no recording.
Writes ``benchmarks/results/forgetting.json``. Intervals are of the paired bootstrap.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from asr.core.params import load_params, read_yaml
from asr.families.whisper.tokens import open_tokens
from asr.scoring.bootstrap import blocks_of, intervals_of
from asr.scoring.normalizers import Normalizers
from asr.scoring.params import ScoreParams
from asr.scoring.score import Scored, score_utterances
from asr.splits.params import SplitParams
from asr.splits.replay import replay_utterances
from asr.splits.split import set_too_long_aside, split_utterances
from asr.text.error_rate import pooled
from asr.utterances.hypothesis import read_hypotheses
from asr.utterances.shards import read_utterances
from asr.utterances.utterance import Utterance, read_manifest, write_manifest
from benchmarks.measure import write_result

LEARNED, KNOWN = ("be", "bg"), ("ru", "es")
SOURCE = {"format": "stamps", "source": "tuxpaint_stamps"}
SHARES = [0.0, 0.05, 0.2]
BASE = "base"


def write_manifests(prepared: Path, base: Path, out: Path) -> dict[str, int]:
    """Write the manifests of all runs; return their numbers of clips."""
    params, tokens = load_params("split", SplitParams), open_tokens(base)
    learned = split_utterances(_read(prepared, LEARNED), params)
    known = split_utterances(_read(prepared, KNOWN), params).splits
    scored = set_too_long_aside(learned, tokens)
    to_replay, _ = replay_utterances([*known["train"], *known["dev"]], scored, params, tokens)
    manifests = {**scored.splits, "replay": to_replay}
    manifests["test"] = [*scored.splits["test"], *known["test"]]
    for name, utterances in manifests.items():
        write_manifest(out / f"{name}.jsonl", utterances)
    # Their transcripts show how long hypotheses may be, in all four languages.
    write_manifest(out / "all/test.jsonl", manifests["test"])
    write_manifest(out / "all/train.jsonl", [*manifests["train"], *to_replay])
    return {name: len(utterances) for name, utterances in manifests.items()}


def _read(prepared: Path, corpora: Sequence[str]) -> list[Utterance]:
    return [one for corpus in corpora for one in read_utterances(prepared / corpus)]


def open_folder(folder: Path, share: float, steps: int) -> None:
    """A folder to run stages in: our code and data, and params of its own."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "models").mkdir(exist_ok=True)
    (folder / ".dvc/tmp").mkdir(parents=True, exist_ok=True)
    for name in ("asr", "stages", "conf", "models/base"):
        if not (folder / name).exists():
            (folder / name).symlink_to(Path(name).resolve())
    params = read_yaml(Path("params.yaml"))
    params["corpora"] = {name: {**SOURCE, "language": name} for name in LEARNED}
    params["corpora"] |= {name: {**SOURCE, "language": name, "replay": True} for name in KNOWN}
    params["machine"] |= {"device": "cpu", "num_threads": 1}
    params["train"] |= {"max_steps": steps, "replay": {"share": share}}
    params["decode"] |= {"precision": "int8", "num_beams": 1}
    (folder / "params.yaml").write_text(json.dumps(params), encoding="utf-8")  # JSON is YAML


def prepare(folder: Path, corpus: str, data: Path) -> None:
    """Fetch and prepare a corpus into ``data``, unless it is there."""
    if not (out := data / "prepared" / corpus).exists():
        run_stage(folder, "fetch", corpus=corpus, out=data / "raw" / corpus)
        run_stage(
            folder, "prepare", corpus=corpus, raw=data / "raw" / corpus, out=out,
            rejects=data / f"rejects/{corpus}.csv", inventory=data / f"inventory/{corpus}.csv",
            validation=data / f"validation/{corpus}.json",
        )  # fmt: skip


def tune(folder: Path, data: Path) -> None:
    """Tune the base model, unless that is done."""
    if not (folder / "models/tuned").exists():
        manifests = data / "manifests"
        run_stage(
            folder, "train", base="models/base", prepared=data / "prepared", noise="conf/noise",
            train_manifest=manifests / "train.jsonl", dev_manifest=manifests / "dev.jsonl",
            replay_manifest=manifests / "replay.jsonl", out="models/tuned", curves="data/curves",
            metrics="data/train.json",
        )  # fmt: skip


def transcribed(folder: Path, model: str, data: Path) -> Path:
    """The hypotheses of a model for the test clips of all languages."""
    out = folder / f"data/{model}.jsonl"
    if not out.exists():
        run_stage(
            folder, "transcribe", model=f"models/{model}", prepared=data / "prepared", out=out,
            train=data / "manifests/all/train.jsonl", dev=data / "manifests/dev.jsonl",
            manifest=data / "manifests/all/test.jsonl", timing=folder / f"data/{model}.json",
            lm="models/lm", changes=folder / f"data/{model}.lm.json",
        )  # fmt: skip
    return out


def run_stage(folder: Path, name: str, **options: str | Path) -> None:
    """Run a stage in a folder; options are those of its command line."""
    words = [w for key, value in options.items() for w in (f"--{key.replace('_', '-')}", value)]
    subprocess.run([sys.executable, "-m", f"stages.{name}", *words], cwd=folder, check=True)


def rows(scored: dict[str, list[Scored]], params: ScoreParams, seed: int) -> list[dict[str, Any]]:
    """WER of each model by language, and its difference from the first tuned one's."""
    _, without, *_ = scored.values()  # the base model is before it
    found = []
    for model, ones in scored.items():
        row: dict[str, Any] = {"model": model}
        for language in (*KNOWN, *LEARNED):
            pairs = [(a, b) for a, b in zip(without, ones, strict=True)
                     if b.utterance.language == language]  # fmt: skip
            first, second = ([one.words for one in side] for side in zip(*pairs, strict=True))
            blocks, _ = blocks_of([one.utterance for _, one in pairs], params.min_blocks)
            interval = intervals_of(first, second, blocks, params, seed).difference
            row[language] = {
                "wer": round(pooled(second).rate or 0.0, 4),
                "low": interval and round(interval.low, 4),
                "high": interval and round(interval.high, 4),
            }
        found.append(row)
    return found


def main() -> None:
    """Tune, transcribe and score; write the result if all of ``SHARES`` were run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True, help="for data and models; kept")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--shares", type=float, nargs="+", default=SHARES)
    options = parser.parse_args()
    data = options.folder.resolve() / "data"
    runs = {share: options.folder / f"share-{share}" for share in options.shares}
    for share, folder in runs.items():
        open_folder(folder, share, options.steps)
    first = next(iter(runs.values()))
    for corpus in KNOWN:
        prepare(first, corpus, data)
    for corpus in LEARNED:
        if not (link := data / "prepared" / corpus).exists():
            link.symlink_to(Path("data/prepared", corpus).resolve())
    clips = write_manifests(data / "prepared", Path("models/base"), data / "manifests")
    hypotheses = {}
    for share, folder in runs.items():
        tune(folder, data)
        hypotheses[str(share)] = transcribed(folder, "tuned", data)
    hypotheses = {BASE: transcribed(first, BASE, data), **hypotheses}
    params, test = load_params("score", ScoreParams), read_manifest(data / "manifests/test.jsonl")
    normalizers = Normalizers(params.normalizers)
    scored = {
        name: score_utterances(test, read_hypotheses(path), path, normalizers, params.script)
        for name, path in hypotheses.items()
    }
    result = {"steps": options.steps, "clips": clips, "rows": rows(scored, params, seed=1)}
    write_result("forgetting", result, keep=options.shares == SHARES)


if __name__ == "__main__":
    main()
