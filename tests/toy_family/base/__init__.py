from asr.core.files import read_json, write_json
from asr.core.schema import Schema
from asr.sources.weights import RANDOM, Weights


class Block(Schema):
    ears: Weights
    alphabet: Weights


def language_fault(language, block):
    return None


def bring_base(block, weights, out):
    from asr.families.toy.model.net import Net, write

    ears = read_json(weights["ears"] / RANDOM)
    alphabet = read_json(weights["alphabet"] / RANDOM)["config"]["letters"]
    write_json(out / "alphabet.json", alphabet)
    write(Net(ears["config"]["width"], len(alphabet) + 1, ears["seed"]), out)
