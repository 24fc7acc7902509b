import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.text.sentence import sentence_key
from asr.training.params import TextParams
from asr.training.target_text import target_text, target_texts
from tests.examples import utterance

VERBATIM = TextParams(punctuation="keep", hebrew_points="keep", script="as_is")
ROWS = [
    ("be", {"punctuation": "drop"}, "«Аб'ект» — 3,5 %, так…", "Аб'ект 3,5 % так"),
    ("be", {"punctuation": "fold"}, "Ну!!! Так... 1.000", "Ну! Так. 1.000"),
    ("ru", {"punctuation": "drop"}, "по-русски, в 12:30 (да)", "по-русски в 12:30 да"),
    ("he", {"hebrew_points": "drop"}, "בֵּית־סֵפֶר, שָׁלוֹם!", "בית ספר, שלום!"),
    ("he", {"punctuation": "drop"}, 'צה״ל, ה"שלום".', 'צה״ל ה"שלום'),
    ("be", {"hebrew_points": "drop"}, "שָׁלוֹם", "שָׁלוֹם"),  # is no Hebrew text
    ("sr", {"script": "latin"}, "Љубав, ЊЕГОШ!", "Ljubav, NJEGOŠ!"),
    ("hr", {"script": "cyrillic", "punctuation": "drop"}, "Nadživjeti; džep.", "Надживјети џеп"),
    ("be", {"script": "latin"}, "Так", "Так"),
    ("be", {"punctuation": "drop"}, "Так_так & _", "Так так &"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "choice", "text", "expected"), ROWS)
def test_what_is_learned(language, choice, text, expected):
    params = VERBATIM.model_copy(update=choice)
    assert target_text(utterance("a", text=text, language=language), params) == expected


def test_by_default_a_transcript_is_learned_to_the_last_space(capsys):
    utterances = [utterance("a", text="  Так,\u00a0так !!  "), utterance("b", text="Å¡to")]
    assert target_texts(utterances, VERBATIM) == utterances
    assert capsys.readouterr().out == ""


def test_how_many_are_learned_otherwise_is_said(capsys):
    utterances = [utterance("a", text="Так."), utterance("b", text="Так")]
    learned = target_texts(utterances, VERBATIM.model_copy(update={"punctuation": "drop"}))
    assert [one.text for one in learned] == ["Так", "Так"]
    assert [one.id for one in learned] == ["xx/a", "xx/b"]
    assert "changed 1 of 2 transcripts for training" in capsys.readouterr().out


choices = st.builds(
    TextParams,
    punctuation=st.sampled_from(["keep", "fold", "drop"]),
    hebrew_points=st.sampled_from(["keep", "drop"]),
    script=st.sampled_from(["as_is", "latin", "cyrillic"]),
)


@given(st.text(min_size=1).filter(sentence_key), choices, st.sampled_from(["be", "he", "sr"]))
def test_what_prepare_lets_pass_is_never_emptied_and_a_second_time_stays(text, params, language):
    once = target_text(utterance("a", text=text, language=language), params)
    assert sentence_key(once)
    assert target_text(utterance("a", text=once, language=language), params) == once
