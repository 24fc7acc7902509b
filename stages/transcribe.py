"""Transcribe the test set with a model."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from asr.core.cli import run
from asr.core.files import write_json
from asr.core.params import load_family_params, load_params
from asr.core.pull import pull_missing
from asr.decoding.candidates import transcribe_with_lm
from asr.decoding.params import DecodeParams
from asr.decoding.transcribe import (
    open_on_worker,
    tokens_per_letter,
    transcribe_all,
    unknown_letters,
)
from asr.devices.params import MachineParams
from asr.families.params import ModelParams
from asr.families.protocols import Engine, family_module
from asr.language_model.params import LmParams
from asr.utterances.hypothesis import Hypothesis, write_hypotheses
from asr.utterances.shards import Waveforms
from asr.utterances.utterance import Utterance, read_manifest
from asr.workers.ray_models import ray_models
from asr.workers.workers import chosen_workers


def transcribe(
    model: Path, prepared: Path, lm: Path, manifest: Path, out: Path, timing: Path, changes: Path
) -> None:
    """Transcribe the test set with a model.

    Args:
        model: a plain transformers folder.
        prepared: ``data/prepared``, with one folder a corpus.
        lm: folder with language models, used if ``lm.weight`` is ``dev``.
        manifest: of the test set; beside it lie that of the training set, whose transcripts
            show how many tokens a letter takes in each language, and that of dev.
        out: JSONL with the hypotheses.
        timing: JSON with seconds, RTFx and the device.
        changes: JSON with the weights of the language models and the texts that they changed;
            and how many letters of the test set the model can't write, where that is known.
    """
    params, rescoring = load_params("decode", DecodeParams), load_params("lm", LmParams)
    machine = load_params("machine", MachineParams)
    name = load_params("model", ModelParams).family
    family = family_module(name, "decoding")
    own = load_family_params(name, "decode", family.OwnParams)
    utterances = read_manifest(manifest)
    pull_missing(prepared / corpus for corpus in {one.corpus for one in utterances})
    computed = family.computed_seconds(model, own)
    train = manifest.with_name("train.jsonl")
    tokens = family_module(name, "tokens").open_tokens(model)
    per_letter = tokens_per_letter(read_manifest(train) if train.exists() else (), tokens)
    lacking = unknown_letters(utterances, tokens, model)
    workers = chosen_workers()
    with ExitStack() as stack:
        if workers.kind == "ray":
            open_one = partial(open_on_worker, name, machine, params, own)
            may_use_gpus = machine.device in ("auto", "cuda")
            on_cluster = ray_models(open_one, model, workers.num, may_use_gpus=may_use_gpus)
            engine: Engine = stack.enter_context(on_cluster)
        else:
            engine = family.open_engine(model, machine, params, own)

        def decode(engine: Engine, some: Sequence[Utterance]) -> tuple[list[Hypothesis], float]:
            clips = Waveforms(prepared, some)
            return transcribe_all(engine, clips, some, computed, params, per_letter)

        if rescoring.weight == "none":
            hypotheses, seconds = decode(engine, utterances)
            changed: dict[str, Any] = {"languages": {}, "changed": []}
        else:
            dev = read_manifest(manifest.with_name("dev.jsonl"))
            found = transcribe_with_lm(engine, decode, utterances, dev, lm, rescoring)
            hypotheses, seconds, changed = found.hypotheses, found.seconds, found.changes
    write_json(changes, {**changed, **lacking})
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
