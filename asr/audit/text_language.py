"""How well a transcript's text fits its language.

Two words are not enough to be certain, and Belarusian, Russian and Bulgarian share many. So this is
a number, which ``asr/audit/faults.py`` weighs together with other measures.
"""

import math
import unicodedata
from functools import cache
from typing import Any

from asr.text.sentence import without_optional_marks

_NO_RIVALS = {"hbo", "zxx"}  # ancient Hebrew; no language at all


def language_gap(text: str, language: str) -> float | None:
    """Compare the text's likelihood in its own language with that in the most likely other one.

    py3langid computes it: naive Bayes over byte sequences in 140 languages. On starter transcripts
    1 % of the right ones are below -7 (Belarusian) to -13 (Spanish); of those in another language
    of the same script, half are below -12 to -23.

    Args:
        text: raw transcript.
        language: ISO 639 code.

    Returns:
        Difference of natural log-likelihoods, negative if another language is more likely; None if
        py3langid does not support the language.
    """
    # With points, all Hebrew would be ancient.
    plain = without_optional_marks(unicodedata.normalize("NFKC", text)).casefold()
    scores = {name: one for name, one in _identifier().rank(plain) if name not in _NO_RIVALS}
    own = scores.pop(language, None)
    return None if own is None else own - max(scores.values(), default=-math.inf)


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=False)
