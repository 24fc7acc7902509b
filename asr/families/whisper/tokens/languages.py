"""Languages of Whisper, and their codes in ISO 639."""

# openai/whisper, ``tokenizer.py``, the most trained first; Cantonese, the last, came with large-v3.
_CODES = """
en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur
hr bg lt la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si
km sn yo so af oc ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha
ba jw su yue
"""
CODES = tuple(_CODES.split())
# ISO 639 code of a language, or of the main variety of one, to the code of Whisper's token.
ALIASES = {
    "jv": "jw",  # Javanese; jw was never in ISO 639
    "jav": "jw",
    "nb": "no",  # Bokmål
    "nob": "no",
    "fil": "tl",  # Filipino, a standard of Tagalog
    "tgl": "tl",
    "cmn": "zh",  # Mandarin
    "iw": "he",  # codes that ISO 639 withdrew
    "in": "id",
    "ji": "yi",
    "mo": "ro",
}


def language_token(language: str, tokens: "dict[str, int]") -> str | None:
    """The key of a language in ``tokens``, such as ``<|be|>``, or None if the model has no token.

    Args:
        language: ISO 639 code.
        tokens: ``lang_to_id`` of the generation config. A language without a token of its own has a
            key without brackets, ``ku``, as transformers takes it; it comes before the aliases.
    """
    for code in (language, ALIASES.get(language)):
        for key in (f"<|{code}|>", code):
            if key in tokens:
                return key
    return None
