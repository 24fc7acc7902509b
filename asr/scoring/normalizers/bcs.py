"""Profile ``bcs``: Bosnian, Croatian and Serbian, in Latin or Cyrillic letters.

As ``spoken``, without what in a transcript was not said («[smeh]», times of lyrics). The script
counts: who asked for Latin and gets Cyrillic got every word wrong. Beside that score stands a
second one in which it does not, after both sides were brought to Latin letters
(asr/scoring/score.py).
"""

from importlib.metadata import version

from asr.scoring.normalizers import made_for, spoken
from asr.text.cleaning import without_annotations
from asr.text.scripts import LANGUAGES

ID = f"bcs-1/cyrtranslit-{version('cyrtranslit')}/{spoken.ID}"


def normalize(text: str, language: str) -> str:
    """Words as they are heard, in the script they are written in, with single spaces between them.

    Args:
        text: any Unicode.
        language: ``bs``, ``hr`` or ``sr``.

    Raises:
        InputError: for another language.
    """
    made_for(LANGUAGES, language, "bcs")
    return spoken.normalize(without_annotations(text), language)
