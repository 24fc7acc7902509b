"""Let a model name the languages of the guards' clips, and write timestamps, if it can."""

from pathlib import Path

from asr.core.cli import run
from asr.core.params import load_family_params, load_params
from asr.decoding.detection import (
    Detection,
    WritesTimestamps,
    detect_languages,
    open_detector,
    write_timestamps,
)
from asr.decoding.params import DecodeParams
from asr.decoding.transcribe import token_budget
from asr.devices.params import MachineParams
from asr.families.params import ModelParams
from asr.families.protocols import family_module
from asr.guards.kinds import GUARD, OTHER
from asr.utterances.jsonl import write_jsonl
from asr.utterances.shards import Waveforms
from asr.utterances.utterance import read_manifest


def guard_detect(model: Path, guards: Path, out: Path) -> None:
    """Let a model name the languages of the guards' clips, and write timestamps, if it can.

    Args:
        model: a plain transformers folder.
        guards: folder that the stage ``guard_set`` wrote.
        out: JSONL with what the model says of each clip; empty if its family says nothing.
    """
    decode, name = load_params("decode", DecodeParams), load_params("model", ModelParams).family
    family = family_module(name, "decoding")
    own = load_family_params(name, "decode", family.OwnParams)
    found: list[Detection] = []
    if not decode.server.models.get(model.name):  # a server does neither
        machine = load_params("machine", MachineParams)
        detector = open_detector(name, model, machine, decode, own)
        seconds = family.computed_seconds(model, own).first
        prepared = guards / "prepared"
        if detector:
            others = [
                one
                for one in read_manifest(guards / "manifest.jsonl")
                if one.attributes[GUARD] == OTHER
            ]
            found += detect_languages(detector, Waveforms(prepared, others), others, seconds)
        if isinstance(detector, WritesTimestamps):
            timed = read_manifest(guards / "timestamps.jsonl")
            found += write_timestamps(
                detector, Waveforms(prepared, timed), timed, seconds,
                lambda one: token_budget(one.duration_s, decode),
            )  # fmt: skip
    write_jsonl(out, found)


if __name__ == "__main__":
    run(guard_detect)
