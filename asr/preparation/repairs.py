"""Repairs of transcripts: a wrong encoding, and annotations such as «[laughs]».

They come before everything else and hold for training and test alike. Changes for training alone
are in ``asr/training/target_text.py``, changes for scoring alone in the normalizers.
"""

from ftfy import fix_encoding

from asr.preparation.params import Repairs
from asr.text.cleaning import without_annotations


def repaired(text: str, repairs: Repairs) -> tuple[str, list[str]]:
    """Apply the repairs that the params ask for.

    Returns:
        The text, and the names of the repairs that changed it.
    """
    changed = []
    # «Å¡to» is «što»: UTF-8 that was decoded as Windows-1252. Text without fault stays as it is.
    for name, wanted, repair in (
        ("encoding", repairs.encoding, fix_encoding),
        ("annotations", repairs.annotations, without_annotations),
    ):
        if wanted and (after := repair(text)) != text:
            text = after
            changed.append(name)
    return text, changed
