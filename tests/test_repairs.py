import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.preparation.params import Repairs
from asr.preparation.repairs import repaired

ALL = Repairs(encoding=True, annotations=True)
ROWS = [
    ("ljubav Å¡to", "ljubav što", ["encoding"]),
    ("ÐœÐ°Ð¼Ð°", "Мама", ["encoding"]),
    ("l’eau, «так» …", "l’eau, «так» …", []),  # sound, curly quotes and all
    ("[laughter] So. {noise}", "So.", ["annotations"]),
    ("a <unk> b <i>c</i>", "a b c", ["annotations"]),
    ("[a [b] c] d", "d", ["annotations"]),  # brackets in brackets
    ("[00:12.50] do <00:13.10> re ♪", "do re", ["annotations"]),
    ("<|0.00|> שלום<|2.00|>", "שלום", ["annotations"]),
    ("a | b <|he|> c | d", "a | b c | d", ["annotations"]),
    ("3 </3> 5", "3 </3> 5", []),  # a tag begins with a letter
    ("Rock (and roll)  [", "Rock (and roll)  [", []),  # may be said; never closed
    ("3 < 5 > 2", "3 < 5 > 2", []),
]


@pytest.mark.parametrize(("text", "expected", "changed"), ROWS)
def test_repairs(text, expected, changed):
    assert repaired(text, ALL) == (expected, changed)


def test_only_what_is_asked_for_is_done():
    text = "[smeh] Å¡to"
    assert repaired(text, Repairs(encoding=False, annotations=False)) == (text, [])
    assert repaired(text, Repairs(encoding=True, annotations=False)) == ("[smeh] što", ["encoding"])


@given(st.text() | st.lists(st.sampled_from("[]{}<>|/a1:♪ ")).map("".join))
def test_any_text_is_taken_and_annotations_go_at_once(text):
    only = Repairs(encoding=False, annotations=True)
    once, changed = repaired(text, only)
    assert changed == (["annotations"] if once != text else [])
    assert repaired(once, only) == (once, [])
    repaired(text, ALL)
