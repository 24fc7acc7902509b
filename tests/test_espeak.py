"""The times of synthetic words, which word times are measured against."""

import numpy as np

from benchmarks.espeak import speak_words


def test_words_have_the_times_at_which_they_sound():
    one = speak_words("Котка, куче.", "bg", "f2", margin_s=0.5)
    (start, end), (next_start, next_end) = one.times
    assert 0.5 <= start < end < next_start < next_end <= len(one.waveform) / 16_000 - 0.4
    loudest = np.abs(one.waveform[: round(end * 16_000)]).max()
    between = one.waveform[round((end + 0.02) * 16_000) : round((next_start - 0.02) * 16_000)]
    assert np.abs(between).max() < loudest / 10  # the comma is a pause


def test_a_number_that_is_spoken_as_several_words_has_one_time():
    one = speak_words("on 25 mats", "en-us", "", margin_s=0.1)
    assert len(one.times) == 3
    (_, first_end), (start, end), _ = one.times
    assert first_end == start
    assert end - start > 0.4
