"""Transcribe the guards' clips with a model, and let it name languages and write timestamps."""

from pathlib import Path

from asr.core.cli import run
from asr.core.params import load_family_params, load_params
from asr.decoding.detection_rows import Detection
from asr.decoding.params import DecodeParams
from asr.decoding.server import transcribe_on_server
from asr.decoding.transcribe import Decoding
from asr.devices.params import MachineParams
from asr.families.params import ModelParams
from asr.families.protocols import family_module
from asr.guards.decoding import detect_clips, transcribe_clips
from asr.guards.kinds import GUARD, OTHER
from asr.utterances.hypothesis import write_hypotheses
from asr.utterances.jsonl import write_jsonl
from asr.utterances.shards import Waveforms
from asr.utterances.utterance import read_manifest


def transcribe_guard(model: Path, guards: Path, train: Path, out: Path, detections: Path) -> None:
    """Transcribe the guards' clips with a model, and let it name languages and write timestamps.

    Args:
        model: a plain transformers folder; if ``decode.server.models`` has its name, the server
            there transcribes, and there are neither languages nor timestamps.
        guards: folder that the stage ``guard_set`` wrote.
        train: manifest of the training set, whose transcripts show how many tokens a letter takes
            in each language.
        out: JSONL with the hypotheses.
        detections: JSONL with a clip's language or timestamps; empty if the family has neither.
    """
    decode = load_params("decode", DecodeParams)
    clips, prepared = read_manifest(guards / "manifest.jsonl"), guards / "prepared"
    found: list[Detection] = []
    if served := decode.server.models.get(model.name):
        waveforms = Waveforms(prepared, clips)
        hypotheses, _ = transcribe_on_server(clips, waveforms, served, decode.server)
    else:
        family = load_params("model", ModelParams).family
        own = load_family_params(family, "decode", family_module(family, "decoding").OwnParams)
        how = Decoding(model, family, load_params("machine", MachineParams), decode, own)
        hypotheses = transcribe_clips(how, prepared, clips, read_manifest(train))
        others = [one for one in clips if one.attributes[GUARD] == OTHER]
        timed = read_manifest(guards / "timestamps.jsonl")
        found = detect_clips(how, prepared, others, timed)
    write_hypotheses(out, hypotheses)
    write_jsonl(detections, found)


if __name__ == "__main__":
    run(transcribe_guard)
