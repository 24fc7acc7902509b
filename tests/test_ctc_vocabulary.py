# python -m pytest tests/test_ctc_vocabulary.py
"""Letters and pieces of words as labels of CTC, and the likeliest paths and texts of them."""

import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from asr.core.errors import InputError
from asr.core.files import read_json, write_json
from asr.core.params import load_params
from asr.decoding.params import DecodeParams
from asr.families.ctc.decoding.search import Search, open_search
from asr.families.ctc.model.greedy import greedy, log_softmax
from asr.families.ctc.tokens import CtcTokens
from asr.families.ctc.tokens.description import Description, read_description
from asr.families.ctc.tokens.make import make_vocabulary
from asr.families.ctc.tokens.vocabulary import (
    SPECIAL,
    Vocabulary,
    frames_needed,
    read_vocabulary,
    spelling,
    write_vocabulary,
)
from tests.examples import utterance

ROOT = Path(__file__).parents[1]
TEXTS = ["мама мыла раму", "мама", "рама мама"]


def test_letters_come_in_one_order_and_spell_the_text():
    vocabulary, rare = make_vocabulary(TEXTS, 1, 0)
    assert vocabulary.tokens == (*SPECIAL, *"алмруы")
    assert not rare
    assert make_vocabulary(TEXTS[::-1], 1, 0)[0] == vocabulary
    for text in TEXTS:
        assert vocabulary.text_of(vocabulary.labels(text)) == text


def test_spelling_is_nfc_in_single_spaces():
    decomposed = unicodedata.normalize("NFD", "Йод  і\tЁж|")
    assert spelling(decomposed, lower=True) == "йод і ёж"
    assert spelling(decomposed, lower=False) == "Йод і Ёж"


def test_rare_letters_are_unknown_and_written_as_nothing():
    vocabulary, rare = make_vocabulary(TEXTS, 2, 0)
    assert rare == {"л": 1, "ы": 1, "у": 1}
    assert vocabulary.text_of(vocabulary.labels("мама мыла")) == "мама ма"
    assert vocabulary.unknown(["мыла ё"]) == {"ы": 1, "л": 1, "ё": 1}


def test_pieces_are_frequent_and_the_longest_one_is_taken():
    vocabulary, _ = make_vocabulary(TEXTS * 5, 1, 3)
    pieces = vocabulary.tokens[len(SPECIAL) + 6 :]
    assert len(pieces) == 3
    assert "ма" in pieces
    labels = vocabulary.labels("мама")
    assert len(labels) < 4
    assert vocabulary.text_of(labels) == "мама"
    with_whole = Vocabulary((*SPECIAL, "м", "а", "ма", "мам"))
    assert [with_whole.tokens[label] for label in with_whole.labels("мама ма")] == [
        "мам", "а", "|", "ма",
    ]  # fmt: skip


def test_a_name_of_a_special_token_in_a_text_is_no_such_token():
    vocabulary, _ = make_vocabulary(["<pad> длинное"], 1, 20)
    assert 0 not in vocabulary.labels("<pad>")
    assert vocabulary.text_of(vocabulary.labels("<pad>")) == "<pad>"


def test_two_equal_labels_need_a_blank_between():
    assert frames_needed([]) == 0
    assert frames_needed([3, 4, 3]) == 3
    assert frames_needed([3, 3, 3]) == 5


def description(num_pieces=0):
    return Description(
        kind="wav2vec2", num_pieces=num_pieces, margin_s=None, convolutions=[[400, 320, 0]]
    )


def test_joined_transcripts_need_no_more_than_the_sum():
    tokens = CtcTokens(description(), Vocabulary(SPECIAL))
    vocabulary, _ = make_vocabulary(TEXTS, 1, 0)
    one, two = "мама", "рамма"
    joined = frames_needed(vocabulary.labels(f"{one} {two}")) + 1
    assert joined == tokens.num_labels(one, "be") + tokens.num_labels(two, "be")
    # Six labels in one second's frames and no more: see max_labels.
    assert tokens.max_labels(1.0) == (16_000 - 400) // 320 + 1 + 1


def test_with_pieces_only_the_fewest_labels_are_known_before_training():
    assert CtcTokens(description(100), Vocabulary(SPECIAL)).num_labels("мама мыла раму", "be") == 6


def test_a_vocabulary_is_read_as_written_and_a_damaged_one_refused(tmp_path):
    vocabulary, _ = make_vocabulary(TEXTS, 1, 2)
    write_vocabulary(tmp_path, vocabulary)
    assert read_vocabulary(tmp_path) == vocabulary
    ids = read_json(tmp_path / "vocab.json")
    for damaged in ({**ids, "а": 99}, {t: i for t, i in ids.items() if i}, {"а": 0}, [1]):
        write_json(tmp_path / "vocab.json", damaged)
        with pytest.raises(InputError, match=r"vocab\.json: expected"):
            read_vocabulary(tmp_path)


def test_a_folder_without_description_or_with_a_wrong_one_is_refused(tmp_path):
    with pytest.raises(InputError, match="expected a ctc model"):
        read_description(tmp_path)
    write_json(tmp_path / "ctc.json", description().model_dump() | {"kind": "rnn"})
    with pytest.raises(InputError, match=r"ctc\.json: kind"):
        read_description(tmp_path)


def path_of(*labels, size=6):
    """Log-probabilities whose likeliest path has these labels, each with 0.9."""
    scores = np.full((len(labels), size), np.log(0.1 / (size - 1)), np.float32)
    scores[np.arange(len(labels)), labels] = np.log(0.9)
    return scores


def test_equal_neighbours_are_joined_and_blanks_dropped():
    vocabulary = Vocabulary((*SPECIAL, *"абв"))
    found = greedy(vocabulary, utterance("a"), path_of(0, 3, 3, 0, 3, 4, 2, 5, 0))
    assert found.text == "ааб в"
    assert found.num_tokens == 5
    assert found.mean_log_prob == pytest.approx(np.log(0.9), abs=1e-5)
    silent = greedy(vocabulary, utterance("a"), path_of(0, 0))
    assert (silent.text, silent.num_tokens) == ("", 0)
    assert silent.mean_log_prob == pytest.approx(np.log(0.9), abs=1e-5)
    with pytest.raises(InputError, match="xx/a: expected finite log-probabilities"):
        greedy(vocabulary, utterance("a"), path_of(0) * np.nan)


def test_log_softmax_adds_up_to_one():
    scores = log_softmax(np.array([[1000.0, 0.0], [1.0, 1.0]], np.float32))
    np.testing.assert_allclose(np.exp(scores).sum(1), 1.0)


def test_letters_that_no_token_has_are_counted_and_capitals_of_known_ones_are_none():
    vocabulary = Vocabulary((*SPECIAL, "а", "бв"))
    assert vocabulary.unknown_letters(["Аба!", "вВ г5", "pad Ггг"]) == {
        "г": 3, "Г": 1, "5": 1, "p": 1, "a": 1, "d": 1,
    }  # fmt: skip


def scores_of(vocabulary, *frames):
    """Log-probabilities of frames, each with the tokens that it may be, and a rest for others."""
    found = np.full((len(frames), len(vocabulary.tokens)), 1e-4)
    for row, frame in zip(found, frames, strict=True):
        for token, share in frame.items():
            row[vocabulary.ids[token]] = share
    return np.log(found / found.sum(1, keepdims=True)).astype(np.float32)


def test_the_search_sums_all_paths_of_a_text():
    vocabulary = Vocabulary((*SPECIAL, *"абв"))
    # The likeliest path is empty with 0.36; «а» has 0.24 twice and 0.16.
    scores = scores_of(vocabulary, {"<pad>": 0.6, "а": 0.4}, {"<pad>": 0.6, "а": 0.4})
    assert Search(vocabulary, 1).best(utterance("1"), scores).text == ""
    search = Search(vocabulary, 5)
    assert search.best(utterance("1"), scores).text == "а"
    first, second = search.candidates(utterance("1"), scores, 2)
    assert (first.text, second.text, first.id, first.num_tokens) == ("а", "", "xx/1", 2)
    assert 2 * first.mean_log_prob == pytest.approx(np.log(0.64), abs=0.01)
    assert 2 * second.mean_log_prob == pytest.approx(np.log(0.36), abs=0.01)


def test_the_search_lists_each_text_once_and_writes_nothing_for_unknown_letters():
    vocabulary = Vocabulary((*SPECIAL, *"аб", "аб", "▁б"))
    scores = scores_of(
        vocabulary,
        {"а": 1}, {"<unk>": 0.9, "а": 0.1}, {"а": 0.5, "аб": 0.5}, {"б": 0.6, "<pad>": 0.4},
        {"|": 1}, {"▁б": 1}, {"|": 1},
    )  # fmt: skip
    found = [one.text for one in Search(vocabulary, 1).candidates(utterance("1"), scores, 20)]
    assert found[0] == "ааб б"  # in two spellings
    assert {"аабб б", "аа б"} <= set(found)
    assert len(set(found)) == len(found) <= 20
    assert Search(vocabulary, 3).best(utterance("1"), scores[:0]).text == ""
    with pytest.raises(InputError, match="xx/1: expected finite log-probabilities"):
        Search(vocabulary, 3).best(utterance("1"), scores * np.nan)


def test_a_search_without_its_package_is_refused(monkeypatch):
    decode = load_params("decode", DecodeParams, ROOT / "params.yaml")
    greedily = decode.model_copy(update={"num_beams": 1})
    monkeypatch.setitem(sys.modules, "ctc_beam_decoder", None)
    assert open_search(Vocabulary(SPECIAL), greedily).num_beams == 1
    with pytest.raises(InputError, match=r"pip install -r requirements/language_model\.txt"):
        open_search(Vocabulary(SPECIAL), decode)
