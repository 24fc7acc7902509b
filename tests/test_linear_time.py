"""The time of text functions grows with the length of a text, not with its square."""

import time

import pytest

from asr.scoring.normalizers import text_normalizer
from asr.text.cleaning import without_annotations, without_points, without_tokens
from asr.text.scripts import in_script

SHORT, LONG = 1_000, 16_000  # characters
HOSTILE = [
    "[", "(", "{[<", "<|", "<3 [>] ", "1.", "1 111 ", "9", "½", "=+", " ", "Љ", "nj", "a",
]  # fmt: skip


def spelled(language):
    profile = {"en": "english", "he": "hebrew", "hr": "bcs"}.get(language, "spoken")
    return lambda text: text_normalizer(profile).normalize(text, language)


FUNCTIONS = {
    "annotations": without_annotations,
    "points": without_points,
    "tokens": without_tokens,
    "latin": lambda text: in_script(text, "sr", "latin"),
    "cyrillic": lambda text: in_script(text, "sr", "cyrillic"),
    **{language: spelled(language) for language in ("en", "fr", "hr")},
}


def seconds(function, text):
    start = time.process_time()
    function(text)
    return time.process_time() - start


@pytest.mark.parametrize("name", FUNCTIONS)
def test_time_grows_no_faster_than_the_text(name):
    function = FUNCTIONS[name]
    function("[a] 5")  # imports
    for piece in HOSTILE:
        short, long = (piece * (length // len(piece)) for length in (SHORT, LONG))
        # Two texts, since a number that was spelled before is remembered.
        base = min(seconds(function, text) for text in (short, short + piece)) + 0.002
        # 16 times the text takes 256 times as long where each character searches all others.
        assert seconds(function, long) < 64 * base, piece


def test_nested_brackets_go_whole():
    assert without_annotations("a " + "[" * 32_000 + "b" + "]" * 32_000 + " c") == "a c"
    assert without_annotations("[" * 64_000) == "[" * 64_000
