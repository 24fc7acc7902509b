"""Decoding against the tools that people would use instead: ``python -m benchmarks.decoding``.

Clips of the test set go, a part at a time and one decoder after another, through the base and the
tuned model. All of them search greedily but where a name says otherwise; ours computes the context
that a model needs, the others 30 s.
"""

import random
import tempfile
from functools import partial
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


def decoders(model: Path, folder: Path, *, everyone: bool) -> dict[str, Decoder]:
    """The decoders of one model by name; without ``everyone`` ours and the peer."""
    machine = load_params("machine", MachineParams)
    greedy = load_params("decode", DecodeParams).model_copy(update={"num_beams": 1})
    converted = convert(model, folder)
    threads = machine.num_threads
    mine = {
        "ours, float32": greedy,
        "ours, int8": greedy.model_copy(update={"precision": "int8"}),
    }
    if everyone:
        mine |= {
            "ours, float32, 30 s": greedy.model_copy(update={"context": "full"}),
            f"ours, float32, beam {BEAMS}": greedy.model_copy(update={"num_beams": BEAMS}),
        }
    made = {name: ours(model, params, threads) for name, params in mine.items()}
    made[PEER] = faster_whisper(converted, "float32", 1, threads)
    if everyone:
        peer = partial(faster_whisper, converted, num_threads=threads)
        made |= {
            "faster-whisper, int8": peer("int8", 1),
            f"faster-whisper, float32, beam {BEAMS}": peer("float32", BEAMS),
            f"faster-whisper, float32, beam {BEAMS}, stock": peer("float32", BEAMS, stock=True),
            "faster-whisper batched, int8": faster_whisper_batched(converted, "int8", 1, threads),
            "transformers' pipeline, float32": transformers_pipeline(model, 1),
        }
    return made


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
    result: dict[str, Any] = {"clips": {"count": len(utterances), "mean_s": round(mean_s, 2)}}
    with tempfile.TemporaryDirectory() as folder:
        tuned = decoders(Path("models/tuned"), Path(folder) / "tuned", everyone=True)
        result["tuned"] = measure(utterances, tuned)
        # 30 s of context for a model that runs away often takes long: a third will do.
        base = decoders(Path("models/base"), Path(folder) / "base", everyone=False)
        result["base"] = measure(utterances[: len(utterances) // NUM_PARTS], base)
    write_result("decoding", result)


if __name__ == "__main__":
    main()
