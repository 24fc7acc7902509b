"""Profile ``english``: Whisper's own normalizer for English, as OpenAI published it.

For scores that are to be compared with published ones. It writes numbers as digits, takes
contractions apart, drops fillers and what is in brackets, and spells the American way. It is taken
from whisper-normalizer, which carries OpenAI's spelling map; transformers has the code alone, and
differs from it. The map's two damaged entries («archeology</span>», «flyer / flier») are left as
they are: published scores have them too.
"""

from collections.abc import Callable
from functools import cache
from importlib.metadata import version

from whisper_normalizer.english import EnglishTextNormalizer

from asr.scoring.normalizers import made_for

ID = f"english-1/whisper-normalizer-{version('whisper-normalizer')}"


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
def _normalizer() -> Callable[[str], str]:
    normalizer: Callable[[str], str] = EnglishTextNormalizer()
    return normalizer
