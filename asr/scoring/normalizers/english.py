"""Profile ``english``: OpenAI's normalizer for English, for comparison with published scores.

It writes numbers as digits, expands contractions, uses American spelling, and removes fillers and
text in brackets. If openai-whisper is installed, its code is used; otherwise the copy in
whisper-normalizer, which a test finds equal on 10,000 sentences. transformers has the same code
without the spelling map. Two map entries are damaged («archeology</span>», «flyer / flier»); they
stay, since published scores used them too.

Four faults of OpenAI's code are mended before it runs. It takes «can’t» with a curly apostrophe for
two words, and a word with a soft hyphen, a mark of direction or a byte-order mark for another one;
it reads «2½» as 21 2 and «10²» as 102, and takes time quadratic in the length of a text with many
open brackets. So scores of texts with none of these equal published ones.

english-1 included four replacements that whisper-normalizer adds, such as «cause» to «because».
english-2 passed curly apostrophes, fractions and powers on, english-3 what is invisible.
"""

import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution, version
from types import ModuleType

from asr.scoring.normalizers import check_language
from asr.scoring.normalizers.spoken import visible
from asr.scoring.number_signs import mark_values, spell_values

Normalize = Callable[[str], str]

# More than 30 s of fast speech (25 characters a second). A longer text is normalized in pieces.
MAX_CHARS = 1000
# As an opening quotation mark, «‘» and «`» stand before a word, as in «said ‘so’».
_APOSTROPHE = re.compile(r"(?<=[^\W\d_])[‘ʻ‛`´](?=[^\W\d_])|[’ʼ′＇](?=[^\W\d_])")

# Replacements of whisper-normalizer 0.1.15 that OpenAI's normalizer lacks.
_ADDED_PATTERNS = (r"\bkinda\b", r"\bsorta\b", r"\bdunno\b", r"\bcause\b")


def openai_normalizer() -> Normalize:
    """Load OpenAI's normalizer without importing the package ``whisper``.

    ``whisper/__init__.py`` imports torch, numba and tiktoken, which scoring does not need: 4 s
    instead of 0.1 s.
    """
    folder = distribution("openai-whisper").locate_file("whisper/normalizers")
    package = ModuleType("openai_whisper_normalizers")
    package.__path__ = [str(folder)]
    sys.modules[package.__name__] = package
    module = import_module(f"{package.__name__}.english")
    normalizer: Normalize = module.EnglishTextNormalizer()
    return normalizer


def copied_normalizer() -> Normalize:
    """Load whisper-normalizer's copy without the replacements it adds."""
    from whisper_normalizer.english import EnglishTextNormalizer

    normalizer = EnglishTextNormalizer()
    for pattern in _ADDED_PATTERNS:
        normalizer.replacers.pop(pattern, None)
    copied: Normalize = normalizer
    return copied


def _chosen() -> tuple[str, Callable[[], Normalize]]:
    try:
        return f"openai-whisper-{version('openai-whisper')}", openai_normalizer
    except PackageNotFoundError:
        return f"whisper-normalizer-{version('whisper-normalizer')}", copied_normalizer


_NAME, _OPEN = _chosen()
ID = f"english-4/{_NAME}"


def normalize(text: str, language: str) -> str:
    """Normalize English text as OpenAI does.

    Args:
        text: any Unicode.
        language: ``en``.

    Raises:
        InputError: if the language is another one; the normalizer removes diacritics.
    """
    check_language({"en"}, language, "english")
    text = spell_values(mark_values(_APOSTROPHE.sub("'", visible(text))), language)
    return " ".join(filter(None, (_normalizer()(piece).strip() for piece in _pieces(text))))


def _pieces(text: str) -> Iterator[str]:
    """Cut a text at spaces into pieces of at most ``MAX_CHARS``; a longer word is cut too."""
    start = 0
    while len(text) - start > MAX_CHARS:
        space = text.rfind(" ", start, start + MAX_CHARS)
        end = start + MAX_CHARS if space <= start else space
        yield _without_unclosed(text[start:end])
        start = end
    yield _without_unclosed(text[start:])


def _without_unclosed(text: str) -> str:
    """Replace brackets that are never closed by spaces; from each, OpenAI's regexes search on."""
    for opening, closing in (("<[", ">]"), ("(", ")")):
        end = max(text.rfind(one) for one in closing) + 1
        text = text[:end] + text[end:].translate(dict.fromkeys(map(ord, opening), " "))
    return text


@cache
def _normalizer() -> Normalize:
    return _OPEN()
