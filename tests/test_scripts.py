import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.text.scripts import in_script

BOTH_WAYS = [
    ("Ljubav njegova, džep", "Љубав његова, џеп"),
    ("LJUBAV NJEGOVA, DŽEP", "ЉУБАВ ЊЕГОВА, ЏЕП"),
    ("UNJ, KONJ", "УЊ, КОЊ"),
    ("ANA Lj. PETROVIĆ, Nj.V.", "АНА Љ. ПЕТРОВИЋ, Њ.В."),  # initials
    ("nadživeti, odžaliti, podžanr", "надживети, оджалити, поджанр"),
    ("injekcija, INJEKCIJA, mikroinjekcija", "инјекција, ИНЈЕКЦИЈА, микроинјекција"),
    ("konjunkcija, konjugacija, Tanjug", "конјункција, конјугација, Танјуг"),
    ("konj, konjušar, kanjon, odžak", "коњ, коњушар, кањон, оџак"),  # look alike, are one letter
    ("izvanjezični, autoinjektor, SAMOKONJUGACIJA", "изванјезични, аутоинјектор, САМОКОНЈУГАЦИЈА"),
    ("predžetveni, odžalovati, nadžvakati", "преджетвени, оджаловати, наджвакати"),
    ("nadžak, Nadžaf, prekonjušar", "наџак, Наџаф, прекоњушар"),
    ("čaj, šećer, đak", "чај, шећер, ђак"),
    ("jQuery, web 2.0", "jQuery, web 2.0"),  # no word of the language
    ("Konjunkturzyklus", "Konjunkturzyklus"),
]


@pytest.mark.parametrize(("latin", "cyrillic"), BOTH_WAYS)
def test_there_and_back(latin, cyrillic):
    assert in_script(latin, "sr", "cyrillic") == cyrillic
    assert in_script(cyrillic, "hr", "latin") == latin


def test_both_scripts_in_one_text_become_one():
    assert in_script("Добар dan", "sr", "latin") == "Dobar dan"
    assert in_script("Добар dan", "sr", "cyrillic") == "Добар дан"


def test_two_letters_in_one_character_are_read_as_two():
    assert in_script("ǈubav ǇUBAV", "bs", "cyrillic") == "Љубав ЉУБАВ"


def test_word_joiners_do_not_count():
    assert in_script("in\u2060jekcija, m\u2060i", "hr", "cyrillic") == "инјекција, ми"


def test_a_text_stays_where_nobody_asks_or_the_language_has_one_script():
    assert in_script("Љубав", "sr", "as_is") == "Љубав"
    assert in_script("Конь", "be", "latin") == "Конь"


SERBIAN = "абвгдђежзијклљмнњопрстћуфхцчџш"


@given(st.text(SERBIAN + SERBIAN.upper() + " ,.", max_size=30))
def test_no_cyrillic_letter_is_left_in_latin_and_a_second_time_changes_nothing(text):
    latin = in_script(text, "sr", "latin")
    assert not set(latin) & set(SERBIAN + SERBIAN.upper())
    assert in_script(latin, "sr", "latin") == latin


@given(st.text())
def test_any_text_may_be_asked_for_in_a_script(text):
    for script in ("latin", "cyrillic"):
        once = in_script(text, "sr", script)
        assert in_script(once, "sr", script) == once
