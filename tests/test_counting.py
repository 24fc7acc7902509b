# python -m pytest tests/test_counting.py
"""Short ways of scoring count and spell what the long ways do."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.scoring import counting, number_signs, numbers
from asr.scoring.number_signs import mark_values
from asr.scoring.numbers import spell_numbers
from asr.text import error_rate

words = st.lists(st.sampled_from(["а", "б", "аб", "ба", "лес", "1"]), max_size=8).map(" ".join)


@given(words, words)
def test_errors_are_those_that_jiwer_counts(reference, hypothesis):
    pair = reference, hypothesis
    assert counting.word_errors(*pair) == error_rate.word_errors(*pair)
    assert counting.char_errors(*pair) == error_rate.char_errors(*pair)


@pytest.mark.parametrize("language", ["be", "bg", "en", "ja", "pl", "tr", "xx"])
@given(text=st.text("aбI .,:/-–−+=%°$€₽^↑⁄²⁻½⅓1٣ st\u0301", max_size=9))
def test_a_text_that_is_not_searched_for_numbers_has_none(language, text):
    short = spell_numbers(text, language), mark_values(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numbers, "_TO_SPELL", re.compile(""))
        patch.setattr(number_signs, "_ANY_VALUE", re.compile(""))
        assert (spell_numbers(text, language), mark_values(text)) == short
