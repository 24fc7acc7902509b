# python -m pytest tests/test_languages.py
import pytest

from asr.corpora.languages import language_code
from asr.corpora.params import Corpus


@pytest.mark.parametrize(
    ("code", "names"),
    [
        (
            "en",
            [
                "en",
                "EN",
                "eng",
                "en-US",
                "en_GB.UTF-8",
                "English",
                "english ",
                "English (US)",
                "English (US) (Texas)",
            ],
        ),
        ("he", ["he", "iw", "heb", "he-IL", "Hebrew", "עברית"]),
        ("hi", ["hindi"]),
        ("sr", ["sr-Latn", "Serbian", "sh"]),
        ("cmn", ["Mandarin Chinese", "cmn"]),
        ("fa", ["Farsi", "per"]),
        ("el", ["Greek", "gre"]),
        (None, ["", "h", "12", "??", "xx", "und", "unknown", "Singaporean English", "a" * 999]),
    ],
)
def test_a_language_is_known_by_code_locale_and_name(code, names):
    assert {name: language_code(name) for name in names} == dict.fromkeys(names, code)


def test_a_corpus_names_its_language_by_code_locale_or_name():
    line = {"format": "jsonl", "source": "home"}
    found = [Corpus(**line, language=name).language for name in ("he", "iw", "he-IL", "Hebrew")]
    assert found == ["he"] * 4
