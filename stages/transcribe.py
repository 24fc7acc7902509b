"""Write down what a model hears in the test set."""

from contextlib import ExitStack
from pathlib import Path

from asr.core.cli import run
from asr.core.files import write_json
from asr.core.params import load_params
from asr.decoding.params import DecodeParams
from asr.decoding.ray_engine import ray_engine
from asr.decoding.transcribe import Engine, transcribe_all
from asr.devices.params import MachineParams
from asr.families import family_module
from asr.families.params import ModelParams
from asr.features.context import read_margin
from asr.utterances.hypothesis import write_hypotheses
from asr.utterances.shards import Waveforms
from asr.utterances.utterance import read_manifest
from asr.workers.workers import chosen_workers


def transcribe(model: Path, prepared: Path, manifest: Path, out: Path, timing: Path) -> None:
    """Write down what a model hears in the test set."""
    params = load_params("decode", DecodeParams)
    machine = load_params("machine", MachineParams)
    family = load_params("model", ModelParams).family
    utterances = read_manifest(manifest)
    waveforms = Waveforms(prepared, utterances)
    margin_s = read_margin(model, params.fallback_margin_s)
    workers = chosen_workers()
    with ExitStack() as stack:
        if workers.kind == "ray":
            on_cluster = ray_engine(family, model, machine, params, workers.num)
            engine: Engine = stack.enter_context(on_cluster)
        else:
            decode = family_module(family, "decoding.engine")
            engine = decode.open_engine(model, machine, params)
        hypotheses, seconds = transcribe_all(engine, waveforms, utterances, margin_s, params)
    write_hypotheses(out, hypotheses)
    audio_s = sum(utterance.duration_s for utterance in utterances)
    write_json(
        timing,
        {
            "audio_s": round(audio_s, 3),
            "decode_s": round(seconds, 3),
            "rtfx": round(audio_s / seconds, 2),
            "device": engine.device,
            "num_utterances": len(utterances),
        },
    )


if __name__ == "__main__":
    run(transcribe)
