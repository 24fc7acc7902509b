"""Profile ``hebrew``: like ``spoken``, without niqqud, cantillation and Whisper's tokens.

Points are removed from both sides, so a reference with points equals a hypothesis without. Corpora
made from subtitles contain tokens of Whisper («<|0.00|>»). As in ``spoken``, a maqaf separates
words, gershayim («צה״ל») are removed, and numbers are spelled out.
"""

from asr.scoring.normalizers import check_language, spoken
from asr.text.cleaning import without_points, without_tokens

LANGUAGES = frozenset({"he", "yi"})
ID = f"hebrew-1/{spoken.ID}"


def normalize(text: str, language: str) -> str:
    """Normalize as ``spoken``, without points and Whisper's tokens.

    Args:
        text: any Unicode.
        language: ``he`` or ``yi``.

    Raises:
        InputError: if the language is another one.
    """
    check_language(LANGUAGES, language, "hebrew")
    return spoken.normalize(without_points(without_tokens(text)), language)
