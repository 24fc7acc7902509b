"""Profile ``bcs``: Bosnian, Croatian and Serbian, in Latin or Cyrillic letters.

Like ``spoken``, but annotations are removed first («[smeh]», times of lyrics). The script counts:
if the reference is Latin and the hypothesis Cyrillic, every word is an error. A second score
transliterates both sides to Latin and so ignores the script (asr/scoring/score.py).
"""

from importlib.metadata import version

from asr.scoring.normalizers import check_language, spoken
from asr.text.cleaning import without_annotations
from asr.text.scripts import LANGUAGES

ID = f"bcs-1/cyrtranslit-{version('cyrtranslit')}/{spoken.ID}"


def normalize(text: str, language: str) -> str:
    """Normalize as ``spoken`` without annotations; the script stays.

    Args:
        text: any Unicode.
        language: ``bs``, ``hr`` or ``sr``.

    Raises:
        InputError: if the language is another one.
    """
    check_language(LANGUAGES, language, "bcs")
    return spoken.normalize(without_annotations(text), language)
