"""Write down what a model hears in the test set."""

from contextlib import ExitStack
from pathlib import Path

from asr.cli import run
from asr.context import read_margin
from asr.decoding import Engine, transcribe_all
from asr.families import family_module
from asr.files import write_json
from asr.hypothesis import write_hypotheses
from asr.manifest import read_manifest
from asr.params import load_params
from asr.ray_engine import ray_engine
from asr.schemas.decode import Params as DecodeParams
from asr.schemas.machine import Params as MachineParams
from asr.schemas.model import Params as ModelParams
from asr.shards import Waveforms
from asr.workers import chosen_workers


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
            decode = family_module(family, "decode")
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
