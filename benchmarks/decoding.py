"""Decoding against the tools that people would use instead: ``python -m benchmarks.decoding``.

One result for each corpus of ``benchmarks/corpora.py`` (``--corpus cv`` for one alone): the tuned
model, in part also the base model, in every tool on the same clips, part by part in turn. All
search greedily but where a name says otherwise; ours computes the context that the model needs,
whisper.cpp too where a name has ``audio_ctx``, the others 30 s. All may write any script but ours
where a name says that it is Cyrillic alone, as the corpora are.

Every tool's process imports this module, so what is heavy is imported where it is used.
"""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from asr.core.params import load_family_params, load_params
from asr.decoding.params import DecodeParams
from asr.devices.params import MachineParams
from asr.families.whisper.decoding.params import WhisperDecodeParams
from asr.families.whisper.window import read_margin
from benchmarks.accuracy import clip_errors, difference, wer
from benchmarks.corpora import NAMES, Clip, arguments, read_corpus
from benchmarks.decoders import (
    entry,
    faster_whisper,
    faster_whisper_batched,
    openai_whisper,
    ours,
    transformers_pipeline,
    whisper_cpp,
)
from benchmarks.measure import ratio, write_result
from benchmarks.race import Entry, race

MANIFEST = Path("data/manifests/test.jsonl")
FLOAT_PEER, PEER = "faster-whisper, float32", "faster-whisper, int8"
BEAMS = 5  # faster-whisper's own, and ours by default
CLIPS = {"starter": 203, "cv": 64, "long": 32}
NUM_PARTS, SLOW_PARTS = 6, 2  # the slow do the first parts alone
QUICK_CLIPS = {"starter": 12, "cv": 6, "long": 4}


def our_params() -> tuple[DecodeParams, WhisperDecodeParams, MachineParams]:
    """What ours decodes with, as it comes."""
    return (
        load_params("decode", DecodeParams),
        load_family_params("whisper", "decode", WhisperDecodeParams),
        load_params("machine", MachineParams),
    )


def main_entries(model: Path, folder: Path) -> dict[str, Entry]:
    """What decodes all clips: ours and faster-whisper."""
    from benchmarks.conversions import to_ctranslate2

    params, own, machine = our_params()
    greedy = params.model_copy(update={"num_beams": 1})
    int8 = greedy.model_copy(update={"precision": "int8"})
    cyrillic = own.model_copy(update={"scripts": ["Cyrillic"]})
    converted = to_ctranslate2(model, folder / "ctranslate2")
    theirs = partial(entry, faster_whisper, converted, num_threads=machine.num_threads)
    return {
        "ours, float32": entry(ours, model, greedy, own, machine),
        "ours, int8": entry(ours, model, int8, own, machine),
        "ours, int8, Cyrillic": entry(ours, model, int8, cyrillic, machine),
        FLOAT_PEER: theirs(precision="float32", num_beams=1),
        PEER: theirs(precision="int8", num_beams=1),
    }


def beam_entries(model: Path, folder: Path) -> dict[str, Entry]:
    """Beam search, ours and all that faster-whisper does unasked; after ``main_entries``."""
    params, own, machine = our_params()
    beams = params.model_copy(update={"num_beams": BEAMS})
    stock = entry(faster_whisper, folder / "ctranslate2", "float32", BEAMS, machine.num_threads,
                  stock=True)  # fmt: skip
    return {
        f"ours, float32, beam {BEAMS}": entry(ours, model, beams, own, machine),
        f"faster-whisper, float32, beam {BEAMS}, as it comes": stock,
    }


def slow_entries(model: Path, folder: Path) -> dict[str, Entry]:
    """What else there is, and ours where it takes 30 s as they do; after ``main_entries``."""
    from benchmarks.conversions import FLOAT16, INT8, to_ggml, to_openai

    params, own, machine = our_params()
    threads = machine.num_threads
    greedy = params.model_copy(update={"num_beams": 1})
    full = own.model_copy(update={"context": "full"})
    margin_s = read_margin(model, own.fallback_margin_s)
    half, int8 = (
        entry(whisper_cpp, to_ggml(model, folder / f"{kind}.bin", kind), threads, margin_s, params)
        for kind in (FLOAT16, INT8)
    )
    batched = {
        f"faster-whisper batched, {precision}": entry(
            faster_whisper_batched, folder / "ctranslate2", precision, 1, threads
        )
        for precision in ("float32", "int8")
    }
    return {
        "ours, float32, 30 s": entry(ours, model, greedy, full, machine),
        **batched,
        "openai-whisper, float32": entry(openai_whisper, to_openai(model, folder / "openai.pt"),
                                         threads),
        "transformers' pipeline, float32": entry(transformers_pipeline, model, 1, threads),
        "whisper.cpp, float16, audio_ctx": half,
        "whisper.cpp, q8_0, audio_ctx": int8,
    }  # fmt: skip


def compare(entries: dict[str, Entry], slow: dict[str, Entry], parts: list[list[Clip]]) -> Any:
    """Let all decode; returns a row of figures for each."""
    finishes = race(entries | slow, parts, dict.fromkeys(slow, SLOW_PARTS))
    clips = [clip for part in parts for clip in part]
    errors = {
        name: clip_errors(clips[: len(texts)], texts)
        for name, finish in finishes.items()
        if (texts := [text for part in finish.outcomes.values() for text in part])
    }
    return {
        name: {
            "clips": (num_clips := len(errors[name])),
            "wer": wer(errors[name]),
            "wer_difference": difference(clips[:num_clips], errors[PEER][:num_clips], errors[name]),
            "times_int8": ratio(finish.laps, finishes[PEER].laps),
            "times_float32": ratio(finish.laps, finishes[FLOAT_PEER].laps),
            "cpu_s_a_clip": round(sum(lap.cpu_s for lap in finish.laps.values()) / num_clips, 4),
            "wall_s_a_clip": round(sum(lap.wall_s for lap in finish.laps.values()) / num_clips, 4),
            "peak_mb": finish.peak_mb,
        }
        for name, finish in finishes.items()
    }


def main() -> None:
    """Measure, print and write ``benchmarks/results/decoding_<corpus>.json``."""
    asked = arguments(__doc__)
    base, tuned = Path("models/base"), Path("models/tuned")
    for name in NAMES if asked.corpus is None else (asked.corpus,):
        count = (QUICK_CLIPS if asked.quick else CLIPS)[name]
        corpus = read_corpus(name, MANIFEST, count)
        # Any part has the lengths of all: the clips are in random order.
        parts = [corpus.clips[start::NUM_PARTS] for start in range(NUM_PARTS)]
        parts = [part for part in parts if part]
        with TemporaryDirectory() as folder:
            entries = main_entries(tuned, Path(folder))
            slow: dict[str, Entry] = slow_entries(tuned, Path(folder))
            if not asked.quick:
                entries |= beam_entries(tuned, Path(folder))
            result = {"tuned": compare(entries, slow, parts)}
        if name == "starter" and not asked.quick:
            with TemporaryDirectory() as folder:
                result["base"] = compare(main_entries(base, Path(folder)), {}, parts[:SLOW_PARTS])
        write_result(f"decoding_{name}", {"clips": corpus.facts(), **result}, keep=not asked.quick)


if __name__ == "__main__":
    main()
