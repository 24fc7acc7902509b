# python -m pytest tests/test_silence.py
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.audio.params import SilenceParams
from asr.audio.silence import MIN_S, cut_at_silences, silence_share, silent_frames, trim_bounds
from asr.utterances.waveform import SAMPLE_RATE
from tests.examples import tone

PARAMS = SilenceParams(below_db=40.0, trim=True, margin_s=0.1)


def pause(duration_s: float, level: float = 1e-4) -> np.ndarray:
    random = np.random.default_rng(0)
    return random.uniform(-level, level, round(duration_s * SAMPLE_RATE)).astype(np.float32)


def seconds(bounds: tuple[int, int]) -> tuple[float, float]:
    return bounds[0] / SAMPLE_RATE, bounds[1] / SAMPLE_RATE


def test_speech_keeps_a_margin_on_both_sides():
    waveform = np.concatenate([pause(1.0), tone(0.5), pause(2.0)])
    assert seconds(trim_bounds(waveform, PARAMS)) == (0.9, 1.6)
    assert silence_share(waveform, 40.0) == pytest.approx(3 / 3.5, abs=0.01)


def test_a_pause_inside_stays():
    waveform = np.concatenate([tone(0.3), pause(1.0), tone(0.3)])
    assert seconds(trim_bounds(waveform, PARAMS)) == (0.0, 1.6)


@pytest.mark.parametrize("gain", [1.0, 0.1, 0.001])
def test_silence_is_relative_to_the_clip(gain):
    waveform = gain * np.concatenate([pause(1.0), tone(0.5), pause(1.0)])
    assert seconds(trim_bounds(waveform, PARAMS)) == (0.9, 1.6)


def test_noise_30_db_below_the_speech_is_not_silent():
    waveform = np.concatenate([pause(1.0, 0.02), tone(0.5), pause(1.0, 0.02)])
    assert seconds(trim_bounds(waveform, PARAMS)) == (0.0, 2.5)


def test_all_of_nothing_is_left():
    assert trim_bounds(np.zeros(1000, np.float32), PARAMS) == (0, 1000)
    assert silence_share(np.zeros(1000, np.float32), 40.0) == 1.0
    assert len(silent_frames(np.zeros(161, np.float32), 40.0)) == 2


def test_a_recording_is_cut_in_its_pauses():
    words = [tone(4.0), pause(0.5), tone(4.0), pause(1.0), tone(4.0)]
    pieces = cut_at_silences(np.concatenate(words), 10.0, PARAMS)
    assert [seconds(piece) for piece in pieces] == [(0.0, 9.0), (9.0, 13.5)]


def test_without_a_pause_the_quietest_place_is_cut():
    waveform = tone(20.0)
    waveform[7 * SAMPLE_RATE : 7 * SAMPLE_RATE + 160] *= 0.1
    pieces = cut_at_silences(waveform, 10.0, PARAMS)
    assert seconds(pieces[0]) == (0.0, 7.0)


@pytest.mark.parametrize("more", [1, 160, 1599, 1600])
def test_no_piece_is_too_short_for_a_model(more):
    """Of 10 s and 1 sample, the quietest place is just before the end."""
    waveform = tone(10.0 + more / SAMPLE_RATE)
    waveform[10 * SAMPLE_RATE - 160 : 10 * SAMPLE_RATE] *= 0.1
    pieces = cut_at_silences(waveform, 10.0, PARAMS)
    assert len(pieces) == 2
    assert pieces[-1][1] - pieces[-1][0] >= MIN_S * SAMPLE_RATE


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.floats(0.01, 8), st.booleans()), min_size=1, max_size=8))
def test_pieces_join_and_none_is_too_long(parts):
    waveform = np.concatenate(
        [tone(s, rate=SAMPLE_RATE) if loud else pause(s) for s, loud in parts]
    )
    pieces = cut_at_silences(waveform, 3.0, PARAMS)
    assert pieces[0][0] == 0 and pieces[-1][1] == len(waveform)
    assert all(before[1] == after[0] for before, after in pairwise(pieces))
    shortest = min(MIN_S * SAMPLE_RATE, len(waveform))
    assert all(shortest <= end - start <= 3.0 * SAMPLE_RATE for start, end in pieces)
