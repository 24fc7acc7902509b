"""English names of languages, as prompts and exported data sets have them."""

from functools import cache


@cache
def language_name(code: str) -> str | None:
    """The English name of a language, such as Hebrew; None if no language has the code."""
    import langcodes  # takes 0.1 s

    language = langcodes.Language.get(code)
    return language.language_name("en") if language.is_valid() else None
