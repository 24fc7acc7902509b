"""Everything counts: case, punctuation, digits. For models whose output is shown as it is."""

import unicodedata

ID = f"verbatim-1/unicode-{unicodedata.unidata_version}"


def normalize(text: str, language: str) -> str:
    """Only what nobody sees is made equal: the encoding of letters and runs of spaces."""
    del language
    return " ".join(unicodedata.normalize("NFC", text).split())
