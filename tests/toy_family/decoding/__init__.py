from asr.core.schema import Schema
from asr.decoding.transcribe import ComputedSeconds
from asr.families.toy.tokens.frames import num_frames


class OwnParams(Schema):
    pass


def computed_seconds(model, own):
    return ComputedSeconds(lambda duration_s: round(num_frames(duration_s) * 0.04 + 0.04, 2))


def open_engine(model, machine, decode, own):
    from asr.families.toy.decoding.writer import Writer

    return Writer(model)
