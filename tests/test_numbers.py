# python -m pytest tests/test_numbers.py
"""A text without a sign of a number is not searched for one; the search would find none either."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.scoring import number_signs, numbers
from asr.scoring.number_signs import mark_values
from asr.scoring.numbers import spell_numbers


@pytest.mark.parametrize("language", ["be", "bg", "en", "ja", "pl", "tr", "xx"])
@given(text=st.text("aбI .,:/-–−+=%°$€₽^↑⁄²⁻½⅓1٣ st\u0301", max_size=9))
def test_a_text_that_is_not_searched_for_numbers_has_none(language, text):
    short = spell_numbers(text, language), mark_values(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numbers, "_TO_SPELL", re.compile(""))
        patch.setattr(number_signs, "_ANY_VALUE", re.compile(""))
        assert (spell_numbers(text, language), mark_values(text)) == short
