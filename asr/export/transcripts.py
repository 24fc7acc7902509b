"""Transcribe clips with the model itself, and with an export in its own runtime."""

from collections.abc import Sequence
from pathlib import Path

from asr.core.params import load_family_params
from asr.decoding.params import DecodeParams
from asr.decoding.transcribe import token_budget, transcribe_all
from asr.devices.params import MachineParams
from asr.export.formats import Reader
from asr.families.protocols import family_module
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import Clips


def greedy(decode: DecodeParams) -> DecodeParams:
    """The search that every runtime has, without rounding."""
    return decode.model_copy(update={"num_beams": 1, "precision": "float32"})


def our_texts(
    family: str,
    model: Path,
    clips: Clips,
    utterances: Sequence[Utterance],
    machine: MachineParams,
    decode: DecodeParams,
) -> list[str]:
    """Transcribe as the stage ``transcribe`` does, greedily, at the context of other tools.

    Args:
        family: of the model.
        model: its folder.
        clips: one per utterance.
        utterances: the clips' languages and lengths.
        machine: section ``machine``.
        decode: section ``decode``.
    """
    role = family_module(family, "decoding")
    own = load_family_params(family, "decode", role.OwnParams)
    own = family_module(family, "export").as_others_decode(own)
    engine = role.open_engine(model, machine, greedy(decode), own)
    seconds = role.computed_seconds(model, own)
    hypotheses, _ = transcribe_all(engine, clips, utterances, seconds, greedy(decode))
    return [hypothesis.text for hypothesis in hypotheses]


def their_texts(
    read: Reader, clips: Clips, utterances: Sequence[Utterance], decode: DecodeParams
) -> list[str]:
    """Transcribe with an opened export, one clip at a time."""
    return [
        read(clips[index], utterance, token_budget(utterance.duration_s, decode))
        for index, utterance in enumerate(utterances)
    ]
