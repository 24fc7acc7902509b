"""What word times are measured by: mixed sounds, stretched truth, and pieces as words."""

import numpy as np

from benchmarks.espeak import SpokenWords
from benchmarks.word_times import at_half_speed, errors, in_noise, over_music, times_of_pieces
from tests.examples import tone

ONE = SpokenWords(tone(1.0), "ab, c", ((0.1, 0.4), None))


def test_sounds_have_the_loudness_that_is_asked_for():
    for mixed in (in_noise(ONE, 10.0), over_music(ONE, 10.0)):
        added = mixed.waveform - ONE.waveform
        ratio = np.mean(ONE.waveform**2) / np.mean(added**2)
        assert abs(10 * np.log10(ratio) - 10.0) < 0.1


def test_at_half_speed_words_take_twice_as_long():
    slow = at_half_speed(ONE)
    assert len(slow.waveform) == 2 * len(ONE.waveform)
    assert slow.times == ((0.2, 0.8), None)


def test_pieces_are_words_again():
    pieces = [(" a", 0.0, 0.1), ("b", 0.1, 0.3), (",", 0.3, 0.9), (" c", 1.0, 1.2)]
    assert times_of_pieces("ab, c", pieces) == {0: (0.0, 0.3), 1: (1.0, 1.2)}


def test_errors_are_those_of_words_whose_truth_is_known():
    found, num_found, num = errors(lambda one, language: {0: (0.2, 0.4)}, [("en", ONE)])
    assert np.round(found["en"], 3).tolist() == [0.1, 0.0]
    assert (num_found, num) == (1, 1)
