"""Profile ``english``: OpenAI's normalizer for English, for comparison with published scores.

It writes numbers as digits, expands contractions, uses American spelling, and removes fillers and
text in brackets. If openai-whisper is installed, its code is used; otherwise the copy in
whisper-normalizer, which a test finds equal on 10,000 sentences. transformers has the same code
without the spelling map. Two map entries are damaged («archeology</span>», «flyer / flier»); they
stay, since published scores used them too.

english-1 included four replacements that whisper-normalizer adds, such as «cause» to «because».
"""

import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution, version
from types import ModuleType

from asr.scoring.normalizers import check_language

Normalize = Callable[[str], str]

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
ID = f"english-2/{_NAME}"


def normalize(text: str, language: str) -> str:
    """Normalize English text as OpenAI does.

    Args:
        text: any Unicode.
        language: ``en``.

    Raises:
        InputError: if the language is another one; the normalizer removes diacritics.
    """
    check_language({"en"}, language, "english")
    return _normalizer()(text).strip()


@cache
def _normalizer() -> Normalize:
    return _OPEN()
