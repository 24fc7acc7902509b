import pytest

from asr.families.whisper.tokens import WhisperTokens, open_tokens
from asr.training.dev import DevError, bare_text, dev_budget, dev_error, pooled_shares
from tests.examples import utterance
from tests.sentences import SENTENCES
from tests.tiny_tokens import write_tokens


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Адзін цэнт!", ["адзін", "цэнт"]),
        ("Буквата «й».", ["буквата", "й"]),  # decomposed or not, the breve stays
        ("हिन्दी में", ["हिन्दी", "में"]),  # vowel signs are part of words
        ("…", []),
    ],
)
def test_words_are_letters_marks_and_digits(text, words):
    assert bare_text(text) == " ".join(words)


def test_errors_are_pooled():
    # 1 of 5 words is wrong, and 1 of the 3 + 5 characters, spaces included.
    assert dev_error([("А б.", "а в"), ("В г д", "в г д")]) == DevError(0.2, 0.125)


def test_words_heard_in_silence_are_counted_one_by_one():
    assert dev_error([("…", "а б")]) == DevError(2.0, 3.0)


def test_counts_of_all_processes_are_summed_before_they_are_divided():
    of_two_processes = [("blank_share", (9, 10)), ("blank_share", (1, 30)), ("empty_share", (0, 0))]
    assert pooled_shares(of_two_processes) == {"blank_share": 0.25, "empty_share": 0.0}


@pytest.mark.parametrize(("language", "text"), SENTENCES.items())
def test_a_perfect_hypothesis_is_never_cut(tmp_path, language, text):
    """The tiny tokenizer has a token a byte: no tokenizer of Whisper's has more."""
    tokens = open_tokens(write_tokens(tmp_path))
    budget = dev_budget(utterance("a", text=text, language=language), tokens)
    assert tokens.num_labels(text, language) + 1 <= budget


def test_a_wrong_hypothesis_may_be_spelled_letter_by_letter(tmp_path):
    merged = WhisperTokens(open_tokens(write_tokens(tmp_path)).tokenizer, 448)
    assert dev_budget(utterance("a", text="a" * 20), merged) == 29
