# python -m pytest tests/test_snr.py
import numpy as np
import pytest

from asr.audio.snr import HIGHEST_DB, LOWEST_DB, snr_db
from asr.utterances.waveform import SAMPLE_RATE
from tests.examples import tone
from tests.starter import starter_clips


def in_noise(waveform, ratio_db, rng):
    """The waveform with white noise, whose power is ``ratio_db`` below that of the waveform."""
    power = np.mean(np.square(waveform, dtype=np.float64)) / 10 ** (ratio_db / 10)
    return (waveform + rng.normal(0, np.sqrt(power), len(waveform))).astype(np.float32)


def words():
    """A second of tone between pauses, as words come."""
    pause = np.zeros(SAMPLE_RATE // 2, np.float32)
    return np.concatenate([pause, tone(0.5), pause, tone(0.5), pause])


@pytest.mark.parametrize("ratio_db", [0, 5, 10, 20, 30])
def test_the_ratio_of_tone_and_noise_is_found(ratio_db):
    noisy = in_noise(words(), ratio_db, np.random.default_rng(1))
    assert snr_db(noisy) == pytest.approx(ratio_db, abs=1.5)
    assert snr_db(noisy * 0.01 + 0.2) == pytest.approx(ratio_db, abs=1.5)  # quiet, with an offset


def test_noise_alone_is_low_and_digital_silence_between_words_is_the_highest():
    noise = np.random.default_rng(1).normal(0, 0.1, 3 * SAMPLE_RATE).astype(np.float32)
    assert LOWEST_DB <= snr_db(noise) < 0
    assert snr_db(words()) == pytest.approx(HIGHEST_DB, abs=0.1)


def test_silence_and_clicks_have_no_ratio():
    assert snr_db(np.zeros(SAMPLE_RATE, np.float32)) is None
    assert snr_db(tone(0.1)) is None
    assert snr_db(np.zeros(0, np.float32)) is None


@pytest.mark.integration
def test_real_speech_in_noise_of_known_level_is_measured(starter):
    clips = [waveform for _, waveform in starter_clips(starter, "be", 40)]
    rng = np.random.default_rng(1)
    for ratio_db, within in ((0, 1.0), (5, 1.0), (10, 1.0), (15, 1.0), (20, 2.0)):
        errors = [snr_db(in_noise(one, ratio_db, rng)) - ratio_db for one in clips]
        assert abs(np.median(errors)) < within
