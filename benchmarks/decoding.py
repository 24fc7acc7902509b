"""Decoding against the tools that people would use instead: ``python -m benchmarks.decoding``.

Clips of the test set go, a part at a time and one decoder after another, through the base and the
tuned model. All of them search greedily but where a name says otherwise; ours computes the context
that a model needs, the others 30 s.
"""

import random
import tempfile
from pathlib import Path
from typing import Any

from asr.device import use_machine
from asr.manifest import read_manifest
from asr.params import load_params
from asr.schemas.decode import Params as DecodeParams
from asr.schemas.machine import Params as MachineParams
from asr.shards import Waveforms
from asr.utterance import Utterance
from benchmarks.decoders import (
    Decoder,
    convert,
    faster_whisper,
    faster_whisper_batched,
    ours,
    transformers_pipeline,
)
from benchmarks.measure import Stopwatch, pooled_wer, ratio, write_result

NUM_PARTS = 3
PEER = "faster-whisper, float32"
BEAMS = 5


def decoders(model: Path, converted: Path) -> dict[str, Decoder]:
    """Ours and the peer."""
    greedy, threads = _greedy(), load_params("machine", MachineParams).num_threads
    return {
        "ours, float32": ours(model, greedy, threads),
        "ours, int8": ours(model, greedy.model_copy(update={"precision": "int8"}), threads),
        PEER: faster_whisper(converted, "float32", 1, threads),
    }


def with_beams(model: Path, converted: Path) -> dict[str, Decoder]:
    """Beam search, ours and as faster-whisper does it unasked."""
    greedy, threads = _greedy(), load_params("machine", MachineParams).num_threads
    beams = greedy.model_copy(update={"num_beams": BEAMS})
    stock = faster_whisper(converted, "float32", BEAMS, threads, stock=True)
    return {
        f"ours, float32, beam {BEAMS}": ours(model, beams, threads),
        f"faster-whisper, float32, beam {BEAMS}, as it comes": stock,
    }


def others(model: Path, converted: Path) -> dict[str, Decoder]:
    """What else there is, and ours where it takes 30 s as they do."""
    greedy, threads = _greedy(), load_params("machine", MachineParams).num_threads
    full = greedy.model_copy(update={"context": "full"})
    return {
        "ours, float32, 30 s": ours(model, full, threads),
        "faster-whisper, int8": faster_whisper(converted, "int8", 1, threads),
        "faster-whisper batched, int8": faster_whisper_batched(converted, "int8", 1, threads),
        "transformers' pipeline, float32": transformers_pipeline(model, 1),
    }


def _greedy() -> DecodeParams:
    return load_params("decode", DecodeParams).model_copy(update={"num_beams": 1})


def measure(utterances: list[Utterance], made: dict[str, Decoder]) -> Any:
    """All decoders of one model, part by part in turn."""
    waveforms = Waveforms(Path("data/prepared"), utterances)
    watches = {name: Stopwatch() for name in made}
    texts: dict[str, dict[str, str]] = {name: {} for name in made}
    for part in range(NUM_PARTS):
        indices = range(part, len(utterances), NUM_PARTS)
        clips, chosen = [waveforms[i] for i in indices], [utterances[i] for i in indices]
        for name, decode in made.items():
            with watches[name].lap():
                heard = decode(clips, chosen)
            texts[name].update(zip([u.id for u in chosen], heard, strict=True))
    return {
        name: {
            "wer": pooled_wer(utterances, texts[name]),
            "clips": watches[name].per_second(len(utterances) / NUM_PARTS),
            "times_faster_whisper": ratio(watches[name], watches[PEER]),
        }
        for name in made
    }


def main() -> None:
    """Measure, print and write ``benchmarks/results/decoding.json``."""
    use_machine(load_params("machine", MachineParams))
    utterances = read_manifest(Path("data/manifests/test.jsonl"))
    random.Random(1).shuffle(utterances)
    mean_s = sum(u.duration_s for u in utterances) / len(utterances)
    few = utterances[: len(utterances) // NUM_PARTS]  # 30 s a clip take long
    base, tuned = Path("models/base"), Path("models/tuned")
    with tempfile.TemporaryDirectory() as folder:
        converted_base = convert(base, Path(folder) / "base")
        converted = convert(tuned, Path(folder) / "tuned")
        made = decoders(tuned, converted)
        result = {
            "tuned": measure(utterances, made | with_beams(tuned, converted)),
            "tuned_others": measure(few, made | others(tuned, converted)),
            "base": measure(few, decoders(base, converted_base)),
            "clips": {"count": len(utterances), "mean_s": round(mean_s, 2), "few": len(few)},
        }
    write_result("decoding", result)


if __name__ == "__main__":
    main()
