"""Transcribe the test set with a model."""

from pathlib import Path

from asr.core.cli import run
from asr.core.errors import InputError
from asr.core.files import write_json
from asr.core.params import load_family_params, load_params
from asr.core.pull import pull_missing
from asr.decoding.local import NO_CHANGES, TextHelp, Transcribed, transcribe_test_set
from asr.decoding.params import DecodeParams
from asr.decoding.server import transcribe_on_server
from asr.decoding.transcribe import Decoding
from asr.devices.params import MachineParams
from asr.families.params import ModelParams
from asr.families.protocols import family_module
from asr.language_model.params import LmParams
from asr.utterances.hypothesis import write_hypotheses
from asr.utterances.shards import Waveforms
from asr.utterances.utterance import read_manifest


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
        found = Transcribed(hypotheses, seconds, "server", NO_CHANGES)
    else:
        family = load_params("model", ModelParams).family
        own = load_family_params(family, "decode", family_module(family, "decoding").OwnParams)
        how = Decoding(model, family, load_params("machine", MachineParams), params, own)
        text = TextHelp(rescoring, lm, read_manifest(train), read_manifest(dev))
        found = transcribe_test_set(how, prepared, utterances, text)
    write_json(changes, found.changes)
    write_hypotheses(out, found.hypotheses)
    audio_s = sum(utterance.duration_s for utterance in utterances)
    write_json(
        timing,
        {
            "audio_s": round(audio_s, 3),
            "decode_s": round(found.seconds, 3),
            "rtfx": round(audio_s / found.seconds, 2),
            "device": found.device,
            "num_utterances": len(utterances),
        },
    )


if __name__ == "__main__":
    run(transcribe)
