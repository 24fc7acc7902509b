"""Repairs of a transcript that was damaged on its way, or says what nobody said.

They come before everything else, for training and test alike; what only one of them wants otherwise
is asr/training/target_text.py's, or a normalizer's.
"""

from ftfy import fix_encoding

from asr.preparation.params import Repairs
from asr.text.cleaning import without_annotations


def repaired(text: str, repairs: Repairs) -> tuple[str, list[str]]:
    """The text after the repairs that are asked for, and the names of those that changed it."""
    changed = []
    # «Å¡to» is «što»: UTF-8 that was read as something else. Sound text stays, curly quotes too.
    for name, wanted, repair in (
        ("encoding", repairs.encoding, fix_encoding),
        ("annotations", repairs.annotations, without_annotations),
    ):
        if wanted and (after := repair(text)) != text:
            text = after
            changed.append(name)
    return text, changed
