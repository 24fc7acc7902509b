# python -m pytest tests/test_letters.py
import unicodedata

import pytest

from asr.text.letters import ALPHABETS, fits_language, languages_by_letters


@pytest.mark.parametrize(
    ("text", "languages"),
    [
        ("Воўк і вожык.", ["be"]),
        ("Її їжак", ["uk"]),
        ("Къща с щъркел", ["bg", "ru"]),
        ("Ђак и њива", ["bs", "sr"]),
        ("Ђаво, ноќ", []),  # no language has both
        ("שָׁלוֹם", ["he"]),
        ("Καλημέρα!", ["el"]),
        ("Țară și păsări", ["ro"]),
        ("Ёлка ў лесе N", ["be"]),  # it has nine of ten letters
        ("Ёлка ў лес N", []),
        ("... 42 !", []),
        ("", []),
        ("日本語", []),
    ],
)
def test_letters_tell_languages_apart(text, languages):
    assert languages_by_letters(text) == languages


def test_a_foreign_name_changes_little():
    assert "be" in languages_by_letters("Гэта вельмі доўгае апавяданне пра горад NY.")


def test_only_known_languages_can_differ():
    assert fits_language("uk", ["ru", "uk"])
    assert not fits_language("be", ["ru", "uk"])
    assert fits_language("cy", [])  # Welsh: not in the table


def test_alphabets_are_lower_case_and_composed():
    for language, alphabet in ALPHABETS.items():
        assert len(set(alphabet)) == len(alphabet), language
        assert unicodedata.normalize("NFC", alphabet) == alphabet, language
        assert all(letter.isalpha() and letter.lower() == letter for letter in alphabet), language
