import pytest

from asr.training.dev import DevError, bare_words, dev_error


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Адзін цэнт!", ["адзін", "цэнт"]),
        ("Буквата «й».", ["буквата", "й"]),  # decomposed or not, the breve stays
        ("हिन्दी में", ["हिन्दी", "में"]),  # vowel signs are part of words
        ("…", []),
    ],
)
def test_words_are_letters_marks_and_digits(text, words):
    assert bare_words(text) == words


def test_errors_are_pooled():
    # 1 of 5 words is wrong, and 1 of the 3 + 5 characters, spaces included.
    assert dev_error([("А б.", "а в"), ("В г д", "в г д")]) == DevError(0.2, 0.125)
