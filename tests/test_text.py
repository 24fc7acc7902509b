import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.errors import InputError
from asr.text import text_normalizer

SPOKEN = [
    ("be", "Аб’ект: «Вялікая чапля»!", "аб'ект вялікая чапля"),
    ("be", "аб'ект", "аб'ект"),
    ("bg", "Буквата Й.", "буквата й"),
    ("bg", "Буквата И\u0306.", "буквата й"),  # a letter and its breve, typed apart
    ("he", "בית־ספר", "בית ספר"),  # maqaf parts words
    ("he", "שָׁלוֹם", "שָׁלוֹם"),  # niqqud stays
    ("hr", "Đak je čuo.", "đak je čuo"),
    ("hi", "हिन्दी में!", "हिन्दी में"),
    ("th", "น้ำ", "น้ํา"),  # NFKC's spelling of the same vowel
    ("fr", "L'eau d'Évian", "l'eau d'évian"),
    ("de", "Straße", "strasse"),
    ("el", "ΟΔΟΣ ὁδός", "οδοσ ὁδόσ"),
    ("en", "Rock 'n' roll, it’s 6x7=42 ($0.01)", "rock n roll it's 6x7 42 0 01"),
    ("ar", "\u200fمرحبا\u200e", "مرحبا"),  # direction marks
    ("en", "…", ""),
]


@pytest.mark.parametrize(("language", "text", "expected"), SPOKEN)
def test_spoken(language, text, expected):
    assert text_normalizer("spoken").normalize(text, language) == expected


def test_verbatim_counts_case_and_punctuation():
    assert text_normalizer("verbatim").normalize(" Так,  \n так. ", "be") == "Так, так."


@pytest.mark.parametrize("profile", ["spoken", "verbatim"])
@given(text=st.text())
def test_a_profile_takes_any_text_and_has_nothing_to_add_to_its_own(profile, text):
    normalize = text_normalizer(profile).normalize
    once = normalize(text, "be")
    assert normalize(once, "be") == once


@given(text=st.text(st.characters(categories=["L", "N"]), min_size=1))
def test_letters_and_digits_are_never_lost_whole(text):
    assert text_normalizer("spoken").normalize(text, "be")


def test_profiles_say_who_they_are():
    assert text_normalizer("spoken").ID.startswith("spoken-1/unicode-")


def test_unknown_profile_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"no profile 'spokn', there are \['spoken', 'verbatim'\]"):
        text_normalizer("spokn")
