from asr.export.formats import cannot


def formats():
    return {"transformers": cannot("no other tool reads a toy")}


def as_others_decode(own):
    return own
