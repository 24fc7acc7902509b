"""Decoding against stock faster-whisper, float32, greedy: ``python -m benchmarks.decoding``.

Clips of the test set go, a part at a time and engine after engine, through the base and the tuned
model: ours with the context that each of them needs, ours with the 30 s window, and faster-whisper,
which always takes 30 s. Its search is set to the same plain greedy one. The models are converted by
CTranslate2's own converter, as anyone would who serves them.
"""

import random
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from ctranslate2.converters import TransformersConverter
from faster_whisper import WhisperModel

from asr.context import read_margin
from asr.decoding import transcribe_all
from asr.device import use_machine
from asr.families.whisper.decode import load, transcribe
from asr.manifest import read_manifest
from asr.params import load_params
from asr.schemas.decode import Params as DecodeParams
from asr.schemas.machine import Params as MachineParams
from asr.shards import Waveforms
from asr.utterance import Utterance
from benchmarks.measure import Stopwatch, pooled_wer, ratio, write_result

NUM_PARTS = 2
NUM_CLIPS = 96  # a minute of two cores a part for an engine that takes 30 s
MODELS = {"base": Path("models/base"), "tuned": Path("models/tuned")}
PEER = "faster-whisper, 30 s"
Engine = Callable[[Sequence[Any], Sequence[Utterance]], list[str]]


def ours(model: Path, params: DecodeParams) -> Engine:
    """The transcribe stage's own decoding."""
    whisper = load(model, torch.device("cpu"))
    margin_s = read_margin(model, params.fallback_margin_s)

    def run(waveforms: Sequence[Any], utterances: Sequence[Utterance]) -> list[str]:
        decode = partial(transcribe, whisper, num_beams=1)
        hypotheses, _ = transcribe_all(decode, waveforms, utterances, margin_s, params)
        return [hypothesis.text for hypothesis in hypotheses]

    return run


def faster_whisper(model: Path, folder: Path, num_threads: int) -> Engine:
    """faster-whisper's ``transcribe``, one clip after another as it is made to."""
    TransformersConverter(
        str(model), copy_files=["tokenizer.json", "preprocessor_config.json"]
    ).convert(str(folder), quantization="float32")
    whisper = WhisperModel(
        str(folder), device="cpu", compute_type="float32", cpu_threads=num_threads
    )

    def run(waveforms: Sequence[Any], utterances: Sequence[Utterance]) -> list[str]:
        texts = []
        for waveform, utterance in zip(waveforms, utterances, strict=True):
            segments, _ = whisper.transcribe(
                waveform,
                language=utterance.language,
                beam_size=1,
                temperature=0.0,
                without_timestamps=True,
                condition_on_previous_text=False,
            )
            texts.append(" ".join(segment.text for segment in segments))
        return texts

    return run


def measure(model: Path, folder: Path, utterances: list[Utterance], params: DecodeParams) -> Any:
    """All engines on one model, part by part in turn."""
    machine = load_params("machine", MachineParams)
    full = params.model_copy(update={"context": "full"})
    engines: dict[str, Engine] = {
        "ours, dynamic": ours(model, params),
        "ours, 30 s": ours(model, full),
        PEER: faster_whisper(model, folder, machine.num_threads),
    }
    waveforms = Waveforms(Path("data/prepared"), utterances)
    watches = {name: Stopwatch() for name in engines}
    texts: dict[str, dict[str, str]] = {name: {} for name in engines}
    for part in range(NUM_PARTS):
        indices = range(part, len(utterances), NUM_PARTS)
        clips, chosen = [waveforms[i] for i in indices], [utterances[i] for i in indices]
        for name, engine in engines.items():
            with watches[name].lap():
                heard = engine(clips, chosen)
            texts[name].update(zip([u.id for u in chosen], heard, strict=True))
    return {
        name: {
            "wer": pooled_wer(utterances, texts[name]),
            "clips": watches[name].per_second(len(utterances) / NUM_PARTS),
            "times_faster_whisper": ratio(watches[name], watches[PEER]),
        }
        for name in engines
    }


def main() -> None:
    """Measure, print and write ``benchmarks/results/decoding.json``."""
    use_machine(load_params("machine", MachineParams))
    params = load_params("decode", DecodeParams)
    utterances = read_manifest(Path("data/manifests/test.jsonl"))
    random.Random(1).shuffle(utterances)
    utterances = utterances[:NUM_CLIPS]
    mean_s = sum(u.duration_s for u in utterances) / len(utterances)
    result: dict[str, Any] = {"clips": {"count": len(utterances), "mean_s": round(mean_s, 2)}}
    with tempfile.TemporaryDirectory() as folder:
        for name, model in MODELS.items():
            result[name] = measure(model, Path(folder) / name, utterances, params)
    write_result("decoding", result)


if __name__ == "__main__":
    main()
