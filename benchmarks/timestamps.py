"""Whether a Whisper still writes timestamps, how exact they are, and its WER with and without them.

    python -m benchmarks.timestamps base=models/base tuned=models/tuned timed=models/timed

NAME=FOLDER gives each model its name in the table. Clips of the test set are joined to 2 to 10 s
with short pauses, so the times of their sentences are known. Each model decodes them greedily with
8 s of context beyond the clip, once with a prompt that ends before ``<|notimestamps|>`` and once
with the whole prompt. No rule forbids a timestamp or demands one, as other tools' rules do: they
would hide that a model has lost them.

A ``timed`` model comes from ``dvc exp run --temp -n timed -S whisper.train.timestamps.share=0.1
train`` and ``dvc get . models/tuned --rev timed --out models/timed``.
"""

import argparse
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from asr.core.errors import InputError
from asr.core.params import load_family_params, load_params
from asr.devices.device import use_machine
from asr.devices.params import MachineParams
from asr.families.whisper.decoding.params import WhisperDecodeParams
from asr.families.whisper.decoding.timestamps import (
    Segment,
    decode_both_ways,
    first_timestamp,
    segments,
    text_of,
)
from asr.families.whisper.model.model import Whisper, load
from asr.families.whisper.window import context_s
from asr.training.augmentation.examples import ExampleUtterance
from benchmarks.accuracy import clip_errors, wer
from benchmarks.corpora import Clip, read_corpus
from benchmarks.measure import write_result

MANIFEST = Path("data/manifests/test.jsonl")
NUM_CLIPS, QUICK_CLIPS = 40, 3
BATCH_CLIPS = 8
NEAR_S = 0.3  # a boundary is found if a segment ends so near: half a short word


def inner_boundaries(parts: Sequence[Any]) -> list[float]:
    """The middle of each pause between two parts or segments, in seconds."""
    return [(a.end_s + b.start_s) / 2 for a, b in pairwise(parts)]


def accuracy(written: Sequence[list[Segment] | None], clips: Sequence[Clip]) -> dict[str, Any]:
    """How many clips have valid segments, and how far these are from the joined sentences."""
    ends, found, made, num_known = [], 0, 0, 0
    for one, (_, utterance) in zip(written, clips, strict=True):
        if not isinstance(utterance, ExampleUtterance):
            raise TypeError(f"{utterance.id}: expected a joined clip")
        known = inner_boundaries(utterance.parts)
        num_known += len(known)
        if one is None:
            continue
        own = inner_boundaries(one)
        made += len(own)
        found += sum(any(abs(at - other) <= NEAR_S for other in own) for at in known)
        ends.append(abs(one[-1].end_s - utterance.parts[-1].end_s))
    return {
        "valid": round(sum(one is not None for one in written) / len(written), 4),
        "end_error_s": round(float(np.mean(ends)), 3) if ends else None,
        "boundaries_found": round(found / max(1, num_known), 4),
        "boundaries_written": made,
        "boundaries_known": num_known,
    }


def decoded(
    whisper: Whisper, clips: Sequence[Clip], margin_s: float
) -> tuple[list[list[int]], list[list[int]]]:
    """Tokens of each clip with timestamps, and tokens without."""
    order = sorted(range(len(clips)), key=lambda i: len(clips[i][0]))
    found: tuple[list[list[int]], list[list[int]]] = ([[] for _ in clips], [[] for _ in clips])
    for start in range(0, len(order), BATCH_CLIPS):
        chosen = order[start : start + BATCH_CLIPS]
        waveforms, utterances = [clips[i][0] for i in chosen], [clips[i][1] for i in chosen]
        longest_s = max(len(waveform) for waveform in waveforms) / 16_000
        budgets = [len(one.text) + 40 for one in utterances]
        ways = decode_both_ways(
            whisper, waveforms, utterances, context_s(longest_s, margin_s), budgets
        )
        for way, tokens in enumerate(ways):
            for i, one in zip(chosen, tokens, strict=True):
                found[way][i] = one
    return found


def measure(folder: Path, clips: list[Clip], margin_s: float) -> dict[str, Any]:
    """Validity and errors of a model's timestamps, and its WER with and without them."""
    whisper = load(folder, torch.device("cpu"))
    config: Any = whisper.network.generation_config
    end, first = config.eos_token_id, first_timestamp(whisper)
    text = partial(text_of, whisper)
    timed, plain = decoded(whisper, clips, margin_s)
    written = [segments(tokens, first, end, text) for tokens in timed]
    rates = [wer(clip_errors(clips, [text(tokens) for tokens in way])) for way in (timed, plain)]
    return {
        "timestamps": accuracy(written, clips),
        "wer": {"with timestamps": rates[0], "without": rates[1]},
        "examples": [
            {"reference": clip[1].text, "written": whisper.tokenizer.decode(tokens, False)}
            for clip, tokens in zip(clips[:5], timed, strict=False)
        ],
    }


def main(words: Sequence[str] | None = None) -> None:
    """Measure, print and write ``benchmarks/results/timestamps.json``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", metavar="NAME=FOLDER")
    parser.add_argument("--quick", action="store_true", help="few clips; prints, writes nothing")
    options = parser.parse_args(words)
    models = dict(one.partition("=")[::2] for one in options.models)
    for name, folder in models.items():
        if not Path(folder).is_dir():
            raise InputError(f"{name}={folder}: expected NAME=FOLDER of a model")
    use_machine(load_params("machine", MachineParams).model_copy(update={"device": "cpu"}))
    own = load_family_params("whisper", "decode", WhisperDecodeParams)
    corpus = read_corpus("cv", MANIFEST, QUICK_CLIPS if options.quick else NUM_CLIPS)
    rows = {
        name: measure(Path(folder), corpus.clips, own.fallback_margin_s)
        for name, folder in models.items()
    }
    result = {"clips": corpus.facts(), "models": rows}
    write_result("timestamps", result, keep=not options.quick)


if __name__ == "__main__":
    main()
