"""Profile ``verbatim``: case, punctuation and digits count; for output that is shown unchanged."""

import unicodedata

ID = f"verbatim-1/unicode-{unicodedata.unidata_version}"


def normalize(text: str, language: str) -> str:
    """Normalize only Unicode encoding (NFC) and runs of white space."""
    del language
    return " ".join(unicodedata.normalize("NFC", text).split())
