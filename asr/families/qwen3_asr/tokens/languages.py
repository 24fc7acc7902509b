"""Names of languages in Qwen3-ASR's prompt, by ISO 639 code."""

from functools import cache

# The 30 languages that the model was trained to name: README of QwenLM/Qwen3-ASR.
NAMES = {
    "ar": "Arabic", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "en": "English",
    "es": "Spanish", "fa": "Persian", "fi": "Finnish", "fil": "Filipino", "fr": "French",
    "hi": "Hindi", "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ja": "Japanese",
    "ko": "Korean", "mk": "Macedonian", "ms": "Malay", "nl": "Dutch", "pl": "Polish",
    "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sv": "Swedish", "th": "Thai",
    "tr": "Turkish", "vi": "Vietnamese", "yue": "Cantonese", "zh": "Chinese",
}  # fmt: skip


@cache
def language_name(code: str) -> str | None:
    """The English name of a language, such as Hebrew; None if no language has the code."""
    if code in NAMES:
        return NAMES[code]
    import langcodes  # takes 0.1 s, and most corpora need none of it

    language = langcodes.Language.get(code)
    return language.language_name("en") if language.is_valid() else None


def is_listed(code: str) -> bool:
    """Whether the language is one of the model's 30, also under another code of it (``tl``)."""
    return language_name(code) in NAMES.values()
