"""Profile ``hebrew``: letters alone. Niqqud and cantillation go, which few write and nobody hears.

They go on both sides, so that a reference with points and a hypothesis without are the same words.
Whisper's tokens («<|0.00|>»), which corpora made of subtitles hold, go as well. Otherwise as
``spoken``: a maqaf parts words, gershayim («צה״ל») close up, numbers are spelled.
"""

from asr.scoring.normalizers import made_for, spoken
from asr.text.cleaning import without_points, without_tokens

LANGUAGES = frozenset({"he", "yi"})
ID = f"hebrew-1/{spoken.ID}"


def normalize(text: str, language: str) -> str:
    """Words in Hebrew letters without points, with single spaces between them.

    Args:
        text: any Unicode.
        language: ``he`` or ``yi``.

    Raises:
        InputError: for another language.
    """
    made_for(LANGUAGES, language, "hebrew")
    return spoken.normalize(without_points(without_tokens(text)), language)
