from pydantic import Field

from asr.core.schema import Schema


class OwnParams(Schema):
    head_rate: float = Field(gt=0)


def faults(train, own):
    return ["train.tune: expected full"] if train.tune != "full" else []


def groups(train, own):
    return ["ears", "head"]


def open_trainee(base, device, train, own):
    from asr.families.toy.training.learner import Learner

    return Learner(base, own)
