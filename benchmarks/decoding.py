"""Speed and WER of decoding, against the tools that people use instead.

``python -m benchmarks.decoding`` writes one result for each corpus of ``benchmarks/corpora.py``;
``--corpus cv`` measures only one. The tuned model, and on a part of the clips also the base model,
runs in every tool on the same clips. Search is greedy unless a tool's name says otherwise. Ours
computes only the context that the model needs, and so does whisper.cpp if its name has
``audio_ctx``; the other tools compute 30 s. With «Cyrillic» in its name, ours decodes only that
script, which all corpora here have.

Every tool's process imports this module, so functions import heavy packages.
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
    faster_whisper,
    faster_whisper_batched,
    loader,
    openai_whisper,
    ours,
    transformers_pipeline,
    whisper_cpp,
)
from benchmarks.in_turn import Loader, measure_in_turn
from benchmarks.measure import ratio, write_result

MANIFEST = Path("data/manifests/test.jsonl")
FLOAT_PEER, PEER = "faster-whisper, float32", "faster-whisper, int8"
BEAMS = 5  # the default of faster-whisper and of ours
CLIPS = {"starter": 203, "cv": 64, "long": 32}
NUM_PARTS, SLOW_PARTS = 6, 2  # slow tools run only the first parts
QUICK_CLIPS = {"starter": 12, "cv": 6, "long": 4}


def our_params() -> tuple[DecodeParams, WhisperDecodeParams, MachineParams]:
    """Our params, as params.yaml has them."""
    return (
        load_params("decode", DecodeParams),
        load_family_params("whisper", "decode", WhisperDecodeParams),
        load_params("machine", MachineParams),
    )


def main_tools(model: Path, folder: Path) -> dict[str, Loader]:
    """The tools that decode all clips: ours and faster-whisper."""
    from benchmarks.conversions import to_ctranslate2

    params, own, machine = our_params()
    greedy = params.model_copy(update={"num_beams": 1})
    int8 = greedy.model_copy(update={"precision": "int8"})
    cyrillic = own.model_copy(update={"scripts": ["Cyrillic"]})
    converted = to_ctranslate2(model, folder / "ctranslate2")
    theirs = partial(loader, faster_whisper, converted, num_threads=machine.num_threads)
    return {
        "ours, float32": loader(ours, model, greedy, own, machine),
        "ours, int8": loader(ours, model, int8, own, machine),
        "ours, int8, Cyrillic": loader(ours, model, int8, cyrillic, machine),
        FLOAT_PEER: theirs(precision="float32", num_beams=1),
        PEER: theirs(precision="int8", num_beams=1),
    }


def beam_tools(model: Path, folder: Path) -> dict[str, Loader]:
    """Beam search: ours, and faster-whisper by its defaults; call ``main_tools`` first."""
    params, own, machine = our_params()
    beams = params.model_copy(update={"num_beams": BEAMS})
    stock = loader(faster_whisper, folder / "ctranslate2", "float32", BEAMS, machine.num_threads,
                  stock=True)  # fmt: skip
    return {
        f"ours, float32, beam {BEAMS}": loader(ours, model, beams, own, machine),
        f"faster-whisper, float32, beam {BEAMS}, as it comes": stock,
    }


def slow_tools(model: Path, folder: Path) -> dict[str, Loader]:
    """The slower tools, and ours with 30 s of context; call ``main_tools`` first."""
    from benchmarks.conversions import to_ggml, to_openai

    params, own, machine = our_params()
    threads = machine.num_threads
    greedy = params.model_copy(update={"num_beams": 1})
    full = own.model_copy(update={"context": "full"})
    margin_s = read_margin(model, own.fallback_margin_s)
    half, int8 = (
        loader(whisper_cpp, to_ggml(model, folder / kind, kind), threads, margin_s, params)
        for kind in ("float16", "q8_0")
    )
    batched = {
        f"faster-whisper batched, {precision}": loader(
            faster_whisper_batched, folder / "ctranslate2", precision, 1, threads
        )
        for precision in ("float32", "int8")
    }
    return {
        "ours, float32, 30 s": loader(ours, model, greedy, full, machine),
        **batched,
        "openai-whisper, float32": loader(openai_whisper, to_openai(model, folder / "openai"),
                                         threads),
        "transformers' pipeline, float32": loader(transformers_pipeline, model, 1, threads),
        "whisper.cpp, float16, audio_ctx": half,
        "whisper.cpp, q8_0, audio_ctx": int8,
    }  # fmt: skip


def compare(tools: dict[str, Loader], slow: dict[str, Loader], parts: list[list[Clip]]) -> Any:
    """Run all tools on all parts; return the figures of each tool."""
    measured = measure_in_turn(tools | slow, parts, dict.fromkeys(slow, SLOW_PARTS))
    clips = [clip for part in parts for clip in part]
    errors = {
        name: clip_errors(clips[: len(texts)], texts)
        for name, tool in measured.items()
        if (texts := [text for part in tool.outcomes.values() for text in part])
    }
    return {
        name: {
            "clips": (num_clips := len(errors[name])),
            "wer": wer(errors[name]),
            "wer_difference": difference(clips[:num_clips], errors[PEER][:num_clips], errors[name]),
            "times_int8": ratio(tool.timings, measured[PEER].timings),
            "times_float32": ratio(tool.timings, measured[FLOAT_PEER].timings),
            "cpu_s_a_clip": round(sum(one.cpu_s for one in tool.timings.values()) / num_clips, 4),
            "wall_s_a_clip": round(sum(one.wall_s for one in tool.timings.values()) / num_clips, 4),
            "peak_mb": tool.peak_mb,
        }
        for name, tool in measured.items()
    }


def main() -> None:
    """Measure, print and write ``benchmarks/results/decoding_<corpus>.json``."""
    options = arguments(__doc__)
    base, tuned = Path("models/base"), Path("models/tuned")
    for name in NAMES if options.corpus is None else (options.corpus,):
        count = (QUICK_CLIPS if options.quick else CLIPS)[name]
        corpus = read_corpus(name, MANIFEST, count)
        # The clips are in random order, so each part is a fair sample of the lengths.
        parts = [corpus.clips[start::NUM_PARTS] for start in range(NUM_PARTS)]
        parts = [part for part in parts if part]
        with TemporaryDirectory() as folder:
            tools = main_tools(tuned, Path(folder))
            slow: dict[str, Loader] = slow_tools(tuned, Path(folder))
            if not options.quick:
                tools |= beam_tools(tuned, Path(folder))
            result = {"tuned": compare(tools, slow, parts)}
        if name == "starter" and not options.quick:
            with TemporaryDirectory() as folder:
                result["base"] = compare(main_tools(base, Path(folder)), {}, parts[:SLOW_PARTS])
        write_result(
            f"decoding_{name}", {"clips": corpus.facts(), **result}, keep=not options.quick
        )


if __name__ == "__main__":
    main()
