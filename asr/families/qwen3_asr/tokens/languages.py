"""The languages that Qwen3-ASR was trained to name in its prompt."""

from asr.utterances.language import language_name

# README of QwenLM/Qwen3-ASR.
LISTED = frozenset(
    (
        "Arabic", "Cantonese", "Chinese", "Czech", "Danish", "Dutch", "English", "Filipino",
        "Finnish", "French", "German", "Greek", "Hindi", "Hungarian", "Indonesian", "Italian",
        "Japanese", "Korean", "Macedonian", "Malay", "Persian", "Polish", "Portuguese", "Romanian",
        "Russian", "Spanish", "Swedish", "Thai", "Turkish", "Vietnamese",
    )
)  # fmt: skip


def is_listed(code: str) -> bool:
    """Whether the language is one of the 30, under any code of it: ``fil`` and ``tl`` are one."""
    return language_name(code) in LISTED
