"""Transcribe the test set with a model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from asr.core.cli import run
from asr.core.errors import InputError
from asr.core.files import write_json
from asr.core.params import load_family_params, load_params
from asr.core.pull import pull_missing
from asr.decoding.candidates import transcribe_with_lm
from asr.decoding.params import DecodeParams
from asr.decoding.server import transcribe_on_server
from asr.decoding.transcribe import (
    opened_engine,
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


def transcribe(
    model: Path, prepared: Path, lm: Path, train: Path, dev: Path, manifest: Path, out: Path,
    timing: Path, changes: Path,
) -> None:  # fmt: skip
    """Transcribe the test set with a model.

    Args:
        model: a plain transformers folder; if ``decode.server.models`` has its name, the server
            there transcribes.
        prepared: ``data/prepared``, with one folder a corpus.
        lm: folder with language models, used if ``lm.weight`` is ``dev``.
        train: manifest of the training set, whose transcripts show how many tokens a letter takes
            in each language.
        dev: manifest of the set that tunes the weights of the language models.
        manifest: of the test set.
        out: JSONL with the hypotheses.
        timing: JSON with seconds, RTFx and the device.
        changes: JSON with the weights of the language models and the texts that they changed;
            and how many letters of the test set the model can't write, where that is known.
    """
    utterances = read_manifest(manifest)
    pull_missing(prepared / corpus for corpus in {one.corpus for one in utterances})
    params, rescoring = load_params("decode", DecodeParams), load_params("lm", LmParams)
    served = params.server.models.get(model.name)
    if served and rescoring.weight != "none":
        raise InputError(
            f"lm.weight: expected none, since a server lists no candidates and "
            f"decode.server.models has {model.name}, got {rescoring.weight}"
        )
    if served:
        clips = Waveforms(prepared, utterances)
        hypotheses, seconds = transcribe_on_server(utterances, clips, served, params.server)
        device, changed = "server", _NO_CHANGES
    else:
        hypotheses, seconds, device, changed = _transcribe_here(
            model, prepared, lm, (train, dev), utterances, params, rescoring
        )
    write_json(changes, changed)
    write_hypotheses(out, hypotheses)
    audio_s = sum(utterance.duration_s for utterance in utterances)
    write_json(
        timing,
        {
            "audio_s": round(audio_s, 3),
            "decode_s": round(seconds, 3),
            "rtfx": round(audio_s / seconds, 2),
            "device": device,
            "num_utterances": len(utterances),
        },
    )


_NO_CHANGES: dict[str, Any] = {"languages": {}, "changed": []}


def _transcribe_here(
    model: Path,
    prepared: Path,
    lm: Path,
    manifests: tuple[Path, Path],
    utterances: Sequence[Utterance],
    params: DecodeParams,
    rescoring: LmParams,
) -> tuple[list[Hypothesis], float, str, dict[str, Any]]:
    """Transcribe with this machine's engine; also returns seconds, device and changes.

    ``manifests`` are those of train and dev.
    """
    train, dev = manifests
    machine = load_params("machine", MachineParams)
    name = load_params("model", ModelParams).family
    family = family_module(name, "decoding")
    own = load_family_params(name, "decode", family.OwnParams)
    computed = family.computed_seconds(model, own)
    tokens = family_module(name, "tokens").open_tokens(model)
    per_letter = tokens_per_letter(read_manifest(train), tokens)
    lacking = unknown_letters(utterances, tokens, model)
    with opened_engine(name, machine, params, own, model) as engine:

        def decode(engine: Engine, some: Sequence[Utterance]) -> tuple[list[Hypothesis], float]:
            clips = Waveforms(prepared, some)
            return transcribe_all(engine, clips, some, computed, params, per_letter)

        if rescoring.weight == "none":
            hypotheses, seconds = decode(engine, utterances)
            changed = _NO_CHANGES
        else:
            few = read_manifest(dev)
            found = transcribe_with_lm(engine, decode, utterances, few, lm, rescoring)
            hypotheses, seconds, changed = found.hypotheses, found.seconds, found.changes
    return hypotheses, seconds, engine.device, {**changed, **lacking}


if __name__ == "__main__":
    run(transcribe)
