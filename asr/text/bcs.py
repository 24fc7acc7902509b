"""Profile ``bcs``: Bosnian, Croatian and Serbian, in Latin or Cyrillic letters.

As ``spoken``, without what in a transcript was not said («[smeh]», times of lyrics). The script
counts: who asked for Latin and gets Cyrillic got every word wrong. Beside that score stands a
second one in which it does not, after both sides were brought to Latin letters: asr/scoring.py.
"""

from importlib.metadata import version

from asr.annotations import without_annotations
from asr.scripts import LANGUAGES
from asr.text import made_for, spoken

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
