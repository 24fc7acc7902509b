# python -m pytest tests/test_sentence.py
import pytest

from asr.text.sentence import has_digits, sentence_key


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Павук.", "павук"),
        ("  «Павук»,  павук! ", "павук павук"),
        ("Straße", "strasse"),
        ("cafe\u0301", "caf\u00e9"),  # the accent apart, and as one letter
        ("Калькулятар.  6x7=42", "калькулятар 6x7 42"),
        ("… — !", ""),
        ("العـــربية ـ", "العربية"),  # tatweel stretches a line
        ("हिन्दी में लिखा।", "हिन्दी में लिखा"),  # vowels are marks
        ("ที่นี่", "ที่นี่"),
        ("שָׁלוֹם עֲלֵיכֶם", "שלום עליכם"),  # with points and without
        ("مَرْحَبًا", "مرحبا"),
        ("ко\u0301шка", "кошка"),  # stress, for learners
        ("1\ufe0f\u20e3", "1"),
        ("\u0301 \u093f", ""),  # marks alone
        ("_", ""),
        ("на_лева", "на лева"),
    ],
)
def test_words_alone(text, key):
    assert sentence_key(text) == key


@pytest.mark.parametrize("text", ["6x7=42", "1 €", "$", "½", "Людовик Ⅺ", "५"])
def test_digits_and_currency_are_found(text):
    assert has_digits(text)


def test_letters_alone_are_no_digits():
    assert not has_digits("Дзве вароны, VW Beetle — «Жук»!")
