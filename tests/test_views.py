# python -m pytest tests/test_views.py
import pytest

from asr.scoring import open_asr
from asr.scoring.normalizers import Normalizers
from asr.scoring.params import ScoreParams
from asr.scoring.score import score_utterances
from asr.scoring.views import VIEWS, score_views, without_diacritics
from asr.text.error_rate import ErrorCounts
from tests.examples import utterance
from tests.test_score import SOURCE, heard

NORMALIZERS = Normalizers({"default": "spoken", "sr": "bcs", "en": "english"})
PARAMS = ScoreParams(normalizers={"default": "spoken"}, script="as_is", slices=[],
                       num_resamples=200, confidence=0.95, min_blocks=3, min_effect=0.0,
                       champion="", champion_folder="conf/champion")  # fmt: skip


def views(pairs):
    """Views of (language, reference, hypothesis) triples."""
    utterances = [
        utterance(f"u{number}", language=language, text=text)
        for number, (language, text, _) in enumerate(pairs)
    ]
    hypotheses = {one.id: heard(one.id, text) for one, (*_, text) in zip(utterances, pairs,
                  strict=True)}  # fmt: skip
    scored = score_utterances(utterances, hypotheses, SOURCE, NORMALIZERS, "as_is")
    return score_views(scored, hypotheses, NORMALIZERS, PARAMS, seed=1)


def wers(*pairs):
    return {name: view["wer"] for name, view in views(pairs).items()}


def test_each_view_is_blind_to_something():
    assert wers(("be", "Так, цмок.", "так цмок")) == {
        "profile": 0.0, "raw": 1.0, "script_blind": 0.0, "diacritic_blind": 0.0, "open_asr": 0.0,
    }  # fmt: skip
    assert wers(("sr", "čаша воде", "caša vode")) == {
        "profile": 1.0, "raw": 1.0, "script_blind": 0.5, "diacritic_blind": 1.0, "open_asr": 1.0,
    }  # fmt: skip
    assert wers(("ru", "мой ёж", "мои еж"))["diacritic_blind"] == 0.0
    assert wers(("de", "Die Haus Tür", "die Haustür")) == {
        "profile": 0.666667, "raw": 1.0, "script_blind": 0.666667, "diacritic_blind": 0.666667,
        "open_asr": 0.0,
    }  # fmt: skip


def test_a_view_names_its_normalizers_and_counts_each_kind_of_error():
    found = views([("be", "а б в г", "а х в г д")] * 3 + [("be", "а б в г", "а в г")] * 3)
    assert list(found) == list(VIEWS)
    profile, raw = found["profile"], found["raw"]
    assert profile["normalizers"]["be"].startswith("spoken-")
    assert raw["normalizers"]["be"].startswith("verbatim-")
    assert found["open_asr"]["normalizers"] == {"be": open_asr.ID}
    assert found["script_blind"]["normalizers"] == profile["normalizers"]  # one script
    assert [profile[kind] for kind in ("substitution", "deletion", "insertion")] == [0.125] * 3
    for rate in ("wer", "cer", "substitution", "deletion", "insertion"):
        ends = profile[f"{rate}_interval"]
        assert 0 <= ends["low"] < profile[rate] < ends["high"]


def test_texts_that_become_empty_are_counted_and_their_words_are_errors():
    pairs = [("be", "…", "а"), ("be", "б", "!"), ("be", "б", "б")]
    found = views(pairs)
    empty = {name: (view["num_empty_references"], view["num_empty_hypotheses"])
             for name, view in found.items()}  # fmt: skip
    assert empty == {name: (0, 0) if name == "raw" else (1, 1) for name in VIEWS}
    assert found["profile"]["wer"] == found["open_asr"]["wer"] == 1.0  # 1 insertion, 1 deletion
    nothing = views([("be", "…", "")])
    assert (nothing["open_asr"]["wer"], nothing["profile"]["wer_interval"]) == (None, None)
    assert views([])["profile"]["num_utterances"] == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [("žena đak čaša", "zena dak casa"), ("мой ўсё їжа", "мои усе іжа"), ("łódź", "lodz"),
     ("ınsan", "insan"), ("đường", "duong"), ("άλφα", "αλφα"), ("שָׁלוֹם", "שלום"), ("كِتَاب", "كتاب"),
     # Vowel signs of Hindi, tones of Thai, voiced sounds of Japanese and Korean syllables stay.
     ("हिन्दी", "हिन्दी"), ("ภาษาไทยที่", "ภาษาไทยที่"), ("がぎ", "がぎ"), ("한국어", "한국어"),
     ("", "")],
)  # fmt: skip
def test_diacritics_are_removed_where_a_letter_without_them_can_be_read(text, expected):
    assert without_diacritics(text) == expected


# Text, and what the leaderboard's own code made of it (its commit d1e99b25, August 2026).
LEADERBOARD = [
    ("en", "Stephen's OK, all right?", "steven s okay alright"),
    ("en", "It's the dog's travelogue.", "it is the dog s travelog"),
    ("en", "Uh, the B B C and a T-shirt (laughs)", "the bbc and a tshirt"),
    ("en", "Ah, twenty five dollars at 5 p.m. and a half", "$25 at 5 pm and a half"),
    ("en", "A I in Wi-Fi, e-mail", "a i in wifi email"),
    ("de", "Die 10 000 Häuser [lacht]: 21 %", "die zehntausend häuser einundzwanzig"),
    ("be", "Ён меў 3 яблыкі!", "ён меў тры яблыкі"),
    ("bg", "5 лева", "5 лева"),
]


@pytest.mark.parametrize(("language", "text", "expected"), LEADERBOARD)
def test_the_leaderboards_normalizer_is_the_leaderboards(language, text, expected):
    assert open_asr.normalize(text, language) == expected


def test_compounds_are_merged_in_both_directions_and_the_words_are_the_references():
    assert open_asr.errors("white paper", "whitepaper", "en") == ErrorCounts(2, 0, 0, 0)
    assert open_asr.errors("whitepaper is", "white paper was", "en") == ErrorCounts(2, 1, 0, 0)
    # Not in English: joined first, so that one word is left where the reference had two.
    assert open_asr.errors("haus tür", "haustür", "de") == ErrorCounts(1, 0, 0, 0)
    assert open_asr.errors("", "ein wort", "de") == ErrorCounts(0, 0, 0, 2)


def test_a_number_too_large_for_words_stays():
    assert open_asr.normalize("9" * 5000, "de") == "9" * 5000
