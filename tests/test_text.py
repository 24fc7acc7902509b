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
    ("en", "Rock 'n' roll, it’s", "rock n roll it's"),
    ("he", 'צה״ל, ה"שלום"', "צהל השלום"),  # gershayim, and a quotation after a prefix
    ("hr", "Å i A\u030a", "å i å"),
    ("ro", "Ştiinţă", "știință"),  # cedilla for comma, as typed in the 1990s
    ("ru", "Ёлка, за\u0301мок", "елка замок"),  # stress is an aid to learners
    ("ca", "COL·LEGI", "collegi"),
    ("tr", "IŞIK İyi", "ışık iyi"),
    ("hi", "मैं ५ रुपये।", "मैं 5 रुपये"),
    ("ar", "\u200fمرحبا\u200e", "مرحبا"),  # direction marks
    ("en", "…", ""),
]


DIGITS = [
    ("be", "Калькулятар.  6x7=42", "калькулятар шэсць x сем сорак два"),
    ("be", "1 цэнт ($0.01)", "адзін цэнт нуль нуль адзін"),
    ("bg", "100 стотинки — 1 лев", "100 стотинки 1 лев"),  # num2words has no Bulgarian
    ("sr", "Има 5", "има 5"),  # and Serbian in Latin letters alone
    ("sr", "Ima 5", "ima pet"),
    ("en", "21 of 1000000000", "twenty one of one zero zero zero zero zero zero zero zero zero"),
    ("th", "เขามี 100 บาท", "เขามีหนึ่งร้อยบาท"),  # written without spaces
    ("fil", "5", "5"),  # num2words takes it for Finnish
]


@pytest.mark.parametrize(("language", "text", "expected"), SPOKEN + DIGITS)
def test_spoken(language, text, expected):
    assert text_normalizer("spoken").normalize(text, language) == expected


def test_verbatim_counts_case_and_punctuation():
    assert text_normalizer("verbatim").normalize(" Так,  \n так. ", "be") == "Так, так."


def test_english_is_whispers_own_and_for_english_alone():
    english = text_normalizer("english")
    assert english.normalize("Um, it's the colour of $20 (red)", "en") == "it is the color of $20"
    with pytest.raises(InputError, match="english is for language 'en', got 'he'"):
        english.normalize("שלום", "he")


@pytest.mark.parametrize("profile", ["spoken", "verbatim"])
@given(text=st.text(), language=st.sampled_from(["be", "bg", "he", "sr", "th", "tr"]))
def test_a_profile_takes_any_text_and_has_nothing_to_add_to_its_own(profile, text, language):
    normalize = text_normalizer(profile).normalize
    once = normalize(text, language)
    assert normalize(once, language) == once


@given(text=st.text())
def test_english_takes_any_text(text):
    # A second pass may change it («O1» is «0 one», then «one»): it is as OpenAI published it.
    text_normalizer("english").normalize(text, "en")


@given(text=st.text(st.characters(categories=["L", "N"]), min_size=1))
def test_letters_and_digits_are_never_lost_whole(text):
    assert text_normalizer("spoken").normalize(text, "be")


def test_profiles_say_who_they_are():
    assert text_normalizer("spoken").ID.startswith("spoken-1/unicode-")


def test_unknown_profile_is_refused_with_the_known_ones():
    with pytest.raises(
        InputError, match=r"no normalizer 'spokn', there are \['english', 'spoken', .*'\]"
    ):
        text_normalizer("spokn")
