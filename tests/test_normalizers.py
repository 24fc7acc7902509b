import json
import random
import sys
from fractions import Fraction
from importlib.metadata import version
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st
from num2words import CONVERTER_CLASSES

from asr.core.errors import InputError
from asr.scoring.normalizers import english, text_normalizer

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
    ("be", "за\u0301мак", "замак"),  # stress marks are for learners
    ("uk", "за\u0301мок", "замок"),
    ("bg", "за\u0301мък", "замък"),
    ("ar", "العـــربية ـ لغة", "العربية لغة"),  # tatweel stretches a line
    ("ar", "ا\u0640\u0653", "آ"),  # so a mark after it belongs to the letter before it
    ("fa", "کــتاب", "کتاب"),
    ("yi", "ר׳ אַרי״ה", "ר אַריה"),
    ("en", "a ' \u0301\u0301b", "a b"),  # marks before any letter
]


DIGITS = [
    ("be", "Калькулятар.  6x7=42", "калькулятар шэсць x сем = сорак два"),
    ("be", "1 цэнт ($0.01)", "адзін цэнт адзін цэнт"),
    ("be", "10 руб., 5 %", "дзесяць рублёў пяць працэнтаў"),
    ("bg", "50 лв. или 25 €", "50 лева или 25 евро"),
    ("bg", "3,5 %, 9-та, UB2006", "3,5 процента 9 та ub2006"),
    ("bg", "3.5, 3,50 €, 24.12.2025, 5,", "3.5 3 евро 50 цента 24 12 2025 5"),
    ("cs", "3,5 %", "tři celá pět procent"),
    ("el", "3,5 ή 1.000,25", "3,5 ή 1000,25"),
    ("hu", "3,5", "három egész öt tized"),
    ("pl", "20½ %", "20 1⁄2 procent"),
    ("fa", "3.5 %", "3.5 درصد"),  # num2words has cardinals alone
    ("zh", "3.5, 2½", "3.52 1⁄2".replace("3.52", "3.5 2")),
    ("bg", "1 цент (0.01 €), ($2.00)", "1 цент 1 цент 2 долара"),
    ("de", "1 €, 1.234,5 km", "ein euro eintausendzweihundertvierunddreissig komma fünf km"),
    ("de", "am 24.12.2025", "am vierundzwanzig zwölf zweitausendfünfundzwanzig"),
    ("el", "1.000 €", "1000 ευρώ"),
    ("en", "$25 or $1.50 or 5€", "twenty five dollars or one dollar fifty cents or five euros"),
    ("en", "the 21st of 1,000,000", "the twenty first of one million"),
    ("en", "3.05%", "three point zero five percent"),
    ("es", "1.er piso, 3a planta", "primero piso tercera planta"),
    ("fr", "25 €, 1 000 fois, le 1er", "vingt cinq euros mille fois le premier"),
    ("fr", "3,5 %", "trois virgule cinq pour cent"),
    ("he", "₪5", "חמש שקלים"),
    ("hr", "2.000 €", "dvije tisuće eura"),
    ("ru", "3,5 %, 21-й раз", "три целых пять десятых процента двадцать первый раз"),
    ("ru", "в 2020 3 000 раз", "в две тысячи двадцать три тысячи раз"),
    ("bg", "100 стотинки — 1 лев", "100 стотинки 1 лев"),  # num2words has no Bulgarian
    ("sr", "Има 5", "има пет"),  # num2words has Serbian in Latin letters alone
    ("sr", "Ima 5", "ima pet"),
    ("en", "21 of 1000000000", "twenty one of one zero zero zero zero zero zero zero zero zero"),
    ("th", "เขามี 100 บาท", "เขามีหนึ่งร้อยบาท"),  # written without spaces
    ("sl", "5 €, 5 %, nekaj €", "pet € pet % nekaj €"),  # no words: the sign is a word
    ("sl", "-5 stopinj", "minus pet stopinj"),
    ("bg", "1 цент ($.01)", "1 цент 1 цент"),
    ("en", ".5 or $.25", "zero point five or twenty five cents"),
    ("hu", "5 %, −3", "öt százalék mínusz három"),
    ("tr", "3,5 and 35", "üç virgül beş and otuzbeş"),
    ("id", "3,05", "tiga koma nol lima"),
    ("tr", "%5, 5 %", "yüzde beş yüzde beş"),
    ("ar", "-5", "ناقص خمسة"),
    ("sr", "-5 Знам", "минус пет знам"),
    ("ru", "-5 °C", "минус пять градусов c"),
    ("en", "-$5, 5-6, covid-19", "minus five dollars five six covid nineteen"),
    (
        "en",
        "2½ or 21⁄2 or ½",
        "two and one half or 21 ⁄ two or one half".replace("21", "twenty one"),
    ),
    (
        "en",
        "1/2, 24/7, 24/12/2025",
        "one half twenty four ⁄ seven twenty four twelve two thousand and twenty five",
    ),
    (
        "en",
        "10² m³, 10^3, 10^-4, 102",
        "ten squared m cubed ten cubed ten to the power of minus four one hundred and two",
    ),
    ("en", "6+7=13, 18+, C++, a = b", "six plus seven equals thirteen eighteen plus c a equals b"),
    ("en", "5 km/h, 5‰, and/or", "five km ⁄ h five ‰ and or"),
    ("hi", "-5 + 5² ½", "− 5 + 5 ↑ 2 1 ⁄ 2"),
    ("bg", "2½, 10², ₪5, 5 °C", "2 и половина 10 ↑ 2 ₪ 5 5 градуса c"),
    ("de", "−5 Grad, 2½ m²", "minus fünf grad zwei einhalb m hoch zwei"),
    ("en", "$1, $1.5, £5, a few €", "one dollar one point five dollars five pounds a few euros"),
    ("de", "1,50 €, 2,01 €", "ein euro fünfzig cent zwei euro ein cent"),
    ("hr", "2,50 € i 2,01 €", "dva zarez pedeset eura i dva zarez nula jedan eura"),
    ("bg", "₪1, 1 лв", "₪ 1 1 лева"),
    ("mk", "5 лв", "5 лв"),  # an abbreviation in Bulgarian alone
    ("be", "₪5", "₪ пяць"),  # num2words has no such currency in Belarusian
    ("ru", "1 002 $, 1 002 %", "одна тысяча два доллара одна тысяча два процента"),
    ("ru", "1.2.3 %, 1.2.3 $", "один два три процентов один два три долларов"),
    ("ru", "5,5 %, 1 %, 21-я", "пять целых пять десятых процента один процент двадцать первая"),
    (
        "fr",
        "la 1re, 3,14 3,05 3,0",
        "la première trois virgule quatorze trois virgule zéro cinq trois virgule zéro",
    ),
    ("en", "3.14, 1234", "three point one four one thousand two hundred and thirty four"),
    ("de", "1.234.5", "eins zweihundertvierunddreissig fünf"),  # no thousands: a second point
    ("en", "100000000 05 007", "one hundred million zero five zero zero seven"),
    ("sr", "ИМА 5", "има пет"),
    ("be", "Так − не", "так не"),  # a dash, though typed as a minus
    ("fil", "5", "5"),  # num2words takes it for Finnish
]


@pytest.mark.parametrize(("language", "text", "expected"), SPOKEN + DIGITS)
def test_spoken(language, text, expected):
    assert text_normalizer("spoken").normalize(text, language) == expected


HEBREW = [
    ("שָׁלוֹם עוֹלָם", "שלום עולם"),
    ("בֵּית־סֵפֶר", "בית ספר"),  # a maqaf parts words, though it lies among the points
    ("בְּרֵאשִׁ֖ית בָּרָ֣א אֱלֹהִ֑ים׃", "בראשית ברא אלהים"),  # cantillation, sof pasuq
    ("שׁלום", "שלום"),  # letter and point in one character
    ("<|0.00|> שלום!!! <|2.40|>", "שלום"),
    ('צה״ל, ה"שלום"... מה???', "צהל השלום מה"),
    ("5 ילדים", "חמש ילדים"),
    ("5=", "חמש ="),
    ("צה''ל צה׳׳ל צה’’ל צה“ל צה\"ל צה″ל צַה״ל", " ".join(["צהל"] * 7)),  # gershayim as typed
    ("ג׳ירפה ג'ירפה ג’ירפה ג´ירפה ג`ירפה", " ".join(["ג'ירפה"] * 5)),  # and geresh
    ("רח׳ יפו", "רח יפו"),
]


@pytest.mark.parametrize(("text", "expected"), HEBREW)
def test_hebrew(text, expected):
    assert text_normalizer("hebrew").normalize(text, "he") == expected


BCS = [
    ("sr", "Љубав, ЉУБАВ!", "љубав љубав"),  # the script stays
    ("hr", "Ǉubav i ǌegov džep", "ljubav i njegov džep"),  # two letters in one character
    ("bs", "[smijeh] Idemo <|1.20|> (kući) ♪", "idemo kući"),
    ("sr", "[00:12.50] Знам да знаш", "знам да знаш"),
    ("bs", "200 ljudi", "dvjesta ljudi"),
    ("sr", "200 ljudi", "dvesta ljudi"),
    ("sr", "25 дин.", "двадесет пет динара"),
]


@pytest.mark.parametrize(("language", "text", "expected"), BCS)
def test_bcs(language, text, expected):
    assert text_normalizer("bcs").normalize(text, language) == expected


@pytest.mark.parametrize(("profile", "known"), [("hebrew", "'he', 'yi'"), ("bcs", "'bs', 'hr', ")])
def test_a_profile_refuses_the_languages_that_it_would_harm(profile, known):
    with pytest.raises(InputError, match=f"{profile} is for language {known}.*got 'be'; choose"):
        text_normalizer(profile).normalize("так", "be")


def test_a_number_may_be_of_any_length():
    nines = text_normalizer("spoken").normalize("9" * 5000 + " % и $" + "9" * 5000, "ru")
    assert nines.count("девять") == 10_000
    assert nines.endswith("долларов")


VALUES = {str(n): Fraction(n) for n in (0, 1, 2, 3, 5, 12, 20, 21, 25, 35, 100, 105, 305, 1000)}
VALUES |= {f"-{n}": -Fraction(n) for n in (1, 5, 35)}
VALUES |= {
    f"{whole}{mark}{part}": whole + Fraction(int(part), 10 ** len(part))
    for whole in (0, 3, 20, 21) for part in ("5", "05", "55", "25", "005") for mark in ".,"
    if len(part) < 3 or whole == 0
}  # fmt: skip
VALUES |= {f"{n}/{d}": Fraction(n, d) for n in (1, 2, 21) for d in (3, 4, 5)}
VALUES |= {"10²": Fraction(100), "10³": Fraction(1000), "102": Fraction(102), "103": Fraction(103)}
VALUES |= {"2½": Fraction(5, 2), "21⁄2": Fraction(21, 2), "20½": Fraction(41, 2)}
NO_WORDS = ["af", "bg", "el", "hi", "km", "lo", "mk", "mt", "my", "ur", "yi", "yue", "zh"]


@pytest.mark.parametrize("language", sorted({*CONVERTER_CLASSES, *NO_WORDS}))
def test_two_values_never_become_the_same_words(language):
    spoken, value_of = text_normalizer("spoken"), {}
    for written, value in VALUES.items():
        words = spoken.normalize(written, language)
        first = value_of.setdefault(words, (written, value))
        assert first[1] == value, (words, written, first[0])
        assert spoken.normalize(words, language) == words


def test_verbatim_counts_case_and_punctuation():
    assert text_normalizer("verbatim").normalize(" Так,  \n так. ", "be") == "Так, так."


def test_english_is_whispers_own_and_for_english_alone():
    assert english is text_normalizer("english")
    assert english.normalize("Um, it's the colour of $20 (red)", "en") == "it is the color of $20"
    assert (
        english.normalize("I’m sure he can’t, it‘s ‘so’", "en") == "i am sure he can not it is so"
    )
    assert english.normalize("2½, ¾, 10², 10⁻⁴", "en") == (
        "2 and one half 3 quarters 10 squared 10 to the power of 4"
    )
    assert english.normalize("\ufeffHello, co\u00adoperate\u200e", "en") == "hello cooperate"
    assert english.normalize("(a) red (c) blue(black [X-ray", "en") == "red blue black x ray"
    with pytest.raises(InputError, match="english is for language 'en', got 'he'"):
        english.normalize("שלום", "he")


ENGLISH = [
    "colour", "the", "travelled", "flyer / flier", "archaeology", "naïve", "Æsop", "Łódź", "kinda",
    "'cause", "because", "cause", "dunno", "sorta", "won’t", "won't", "it's", "she'd gone", "y'all",
    "I'ma", "should've", "Dr.", "St. John", "Mrs", "Sen.", "um,", "Hmm", "[laughs]", "(aside)",
    "<unk>", "one", "oh", "two hundred and three", "twenty-first", "twenty", "second", "thirds",
    "nineteen", "eighty four", "million", "a hundred", "and a half", "double oh seven", "triple",
    "point", "minus", "percent", "dollars", "pounds", "cents", "euros", "$20", "£3.50", "€", "¢99",
    "1,234.5", "10%", "3rd", "1960s", "007", "2/3", "-4", "5 million", ".", ",", "—", "…", "'", "½",
]  # fmt: skip


def sentences(number):
    """Sentences of all that the English profile has a rule for, and of spellings."""
    chance = random.Random(1)
    folder = files("whisper_normalizer") / "normalizers"
    spellings = json.loads((folder / "english.json").read_text(encoding="utf-8"))
    words = [*ENGLISH * 20, *spellings, *spellings.values()]
    for _ in range(number):
        text = " ".join(chance.choices(words, k=chance.randint(1, 12)))
        yield chance.choice([text, text, text.title(), text.upper(), text.replace(" ", "")])


@pytest.mark.integration
def test_english_is_the_same_with_openai_whisper_and_without():
    authority, copied = english.openai_normalizer(), english.copied_normalizer()
    expected = {text: authority(text) for text in sentences(10_000)}
    assert [text for text in expected if copied(text) != expected[text]] == []
    assert len(set(expected.values())) > 9_000


def test_english_says_whose_code_it_ran():
    name, number = english.ID.removeprefix("english-4/").rsplit("-", 1)
    assert (name, number) == ("openai-whisper", version("openai-whisper"))
    assert "whisper" not in sys.modules  # the package whole, which loads torch and numba


ANY = [
    "be", "bg", "ca", "cs", "da", "de", "el", "en", "es", "fi", "fr", "he", "hi", "hr", "it",
    "lt", "lv", "nl", "pl", "pt", "ro", "ru", "sr", "sv", "th", "tr", "uk", "yue",
]  # fmt: skip
PIECES = [*"$€£%-,.'’5oa[]{}♪ Њǈב־׃״²½٣İIßς·", *"\u0301\u200d\u200b\u00ad\u05bc\ufb2a"]
PIECES += ["0=", "+ ", "5+", *"ـ׳״%+=/−^↑⁄°½²⁻¼₪@<"]
PIECES += [
    "01", "1.000,50", "1,234.5", "000", "лв", "zł", "дин", "st", "-й", "1er", "nj", "LJ", "<i>",
    "<|0|>",
]  # fmt: skip
texts = st.text() | st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


@pytest.mark.parametrize(
    ("profile", "languages"),
    [("spoken", ANY), ("verbatim", ANY), ("hebrew", ["he", "yi"]), ("bcs", ["bs", "hr", "sr"])],
)
@given(text=texts, data=st.data())
def test_a_profile_takes_any_text_and_has_nothing_to_add_to_its_own(profile, languages, text, data):
    normalize, language = text_normalizer(profile).normalize, data.draw(st.sampled_from(languages))
    once = normalize(text, language)
    assert once == " ".join(once.split())
    assert normalize(once, language) == once


def test_english_takes_a_long_text_piece_by_piece():
    words = ["colour"] * 1000 + ["(aside)"]
    assert english.normalize(" ".join(words), "en") == " ".join(["color"] * 1000)
    assert english.normalize("b " * 494 + "x twenty one", "en").endswith("b x 21")  # one piece
    assert english.normalize("b " + "a" * 2500, "en").count("a") == 2500
    # Brackets so far apart need not belong together, and 1000 words are no aside.
    assert english.normalize("(" + "a " * 1000 + "b) c", "en") == "a " * 1000 + "b c"


@given(text=st.text())
def test_english_takes_any_text(text):
    # A second pass may change it («O1» is «0 one», then «one»): it is as OpenAI published it.
    text_normalizer("english").normalize(text, "en")


@pytest.mark.parametrize(
    ("profile", "language"), [("spoken", "be"), ("hebrew", "he"), ("bcs", "sr")]
)
@given(text=st.text(st.characters(categories=["L", "N"]), min_size=1))
def test_letters_and_digits_are_never_lost_whole(profile, language, text):
    assert text_normalizer(profile).normalize(text, language)


def test_profiles_say_who_they_are():
    assert text_normalizer("spoken").ID.startswith("spoken-4/unicode-")
    assert text_normalizer("hebrew").ID.startswith("hebrew-1/spoken-4/")
    assert text_normalizer("bcs").ID.startswith("bcs-1/cyrtranslit-1.")


def test_unknown_profile_is_refused_with_the_known_ones():
    expected = r"score.normalizers: no 'spokn' in asr.scoring.normalizers, there are \['bcs', .*'\]"
    with pytest.raises(InputError, match=expected):
        text_normalizer("spokn")
