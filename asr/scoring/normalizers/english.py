"""Profile ``english``: Whisper's own normalizer for English, as OpenAI published it.

For scores that are to be compared with published ones. It writes numbers as digits, takes
contractions apart, drops fillers and what is in brackets, and spells the American way. Where
openai-whisper is installed it is that itself; otherwise whisper-normalizer's copy, which a test
finds equal on 10,000 sentences. transformers has the same code, without the spelling map. The map's
two damaged entries («archeology</span>», «flyer / flier») are left as they are: published scores
have them too.

english-1 had four replacements of whisper-normalizer's own: «cause» counted as «because».
"""

import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution, version
from types import ModuleType

from asr.scoring.normalizers import made_for

Normalize = Callable[[str], str]

# What whisper-normalizer 0.1.15 replaces besides what OpenAI does.
_ITS_OWN = (r"\bkinda\b", r"\bsorta\b", r"\bdunno\b", r"\bcause\b")


def openai_normalizer() -> Normalize:
    """OpenAI's normalizer, without the rest of openai-whisper.

    Its ``whisper/__init__.py`` loads torch, numba and tiktoken: 4 s instead of 0.1 s, and packages
    that scoring does not need.
    """
    folder = distribution("openai-whisper").locate_file("whisper/normalizers")
    package = ModuleType("openai_whisper_normalizers")
    package.__path__ = [str(folder)]
    sys.modules[package.__name__] = package
    module = import_module(f"{package.__name__}.english")
    normalizer: Normalize = module.EnglishTextNormalizer()
    return normalizer


def copied_normalizer() -> Normalize:
    """whisper-normalizer's copy of it, without what it adds."""
    from whisper_normalizer.english import EnglishTextNormalizer

    normalizer = EnglishTextNormalizer()
    for pattern in _ITS_OWN:
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
    """Words as Whisper's authors count them.

    Args:
        text: any Unicode.
        language: ``en``.

    Raises:
        InputError: for any other language, whose diacritics it would destroy.
    """
    made_for({"en"}, language, "english")
    return _normalizer()(text).strip()


@cache
def _normalizer() -> Normalize:
    return _OPEN()
