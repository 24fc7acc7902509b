"""Map how a source names a language to our code: ``en`` for «en-US», «eng» and «English»."""

import re
from functools import lru_cache

# ISO 639 codes that name no language: undetermined, several, uncoded, no speech.
_NONE = {"und", "mul", "mis", "zxx"}


@lru_cache(1024)  # called for every recording, with the few names of its corpus
def language_code(name: str) -> str | None:
    """The ISO 639 code of a language's code, locale or name, None for an unknown one.

    The shortest code, in today's form: ``he`` for «heb», «iw» and «he-IL». A name may be in English
    or in the language itself.

    >>> [language_code(name) for name in ("EN_us", "iw", "Croatian", "français", "Singaporean")]
    ['en', 'he', 'hr', 'fr', None]
    """
    import langcodes  # takes 0.1 s, and a corpus may name no language
    from langcodes.tag_parser import LanguageTagError

    name = name.strip()
    try:  # «pt_BR.UTF-8» is a locale as an operating system writes it
        code = langcodes.Language.get(re.split("[.@]", name)[0].replace("_", "-")).language
        if code and langcodes.tag_is_valid(code):
            return None if code in _NONE else code
    except LanguageTagError:
        pass  # not a code: a name
    return _code_of_name(name)


def _code_of_name(name: str) -> str | None:
    from language_data.names import get_trie_value, load_trie, normalize_name
    from language_data.util import data_filename

    # Not langcodes.find: it accepts a name that begins a longer one, and so takes «Singa» (sgm)
    # for «Singaporean English».
    for names_in in ("en", "und"):  # in English, then in any language
        codes = load_trie(data_filename(f"trie/{names_in}/name_to_language.marisa"))
        for key in (normalize_name(name), normalize_name(name.partition("(")[0])):
            if len(key) > 1 and key in codes:  # the second is for «English (US)»
                return language_code(get_trie_value(codes, key).partition("-")[0])
    return None
