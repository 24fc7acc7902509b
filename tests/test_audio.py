# python -m pytest tests/test_audio.py
import numpy as np
import pytest

from asr.audio import (
    UndecodableError,
    decode,
    from_int16,
    peak_dbfs,
    to_int16,
    to_waveform,
)
from tests.examples import tone, wav


def test_channels_are_averaged():
    stereo = np.array([[1.0, 0.0], [0.5, 0.5], [-0.5, 0.5]], np.float32)
    waveform = decode(wav(stereo))
    assert waveform.tolist() == [0.5, 0.5, 0.0]
    assert waveform.dtype == np.float32


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_any_rate_becomes_16_khz_of_the_same_sound(rate):
    heard = decode(wav(tone(0.5, hz=440, rate=rate), rate))
    assert len(heard) == 8_000
    inside = slice(800, -800)  # the filter rings at the edges
    np.testing.assert_allclose(heard[inside], tone(0.5, hz=440)[inside], atol=2e-3)


def test_int16_rounds_clips_and_comes_back():
    waveform = np.array([0.0, 0.5, 1.0, 1.5, -1.0, -1.5, 0.6 / 32768], np.float32)
    samples = to_int16(waveform)
    assert samples.tolist() == [0, 16384, 32767, 32767, -32768, -32768, 1]
    every = np.arange(-32768, 32768, dtype="<i2")
    assert (to_int16(from_int16(every)) == every).all()


def test_peak():
    assert peak_dbfs(np.array([0.1, -1.0], np.float32)) == 0
    assert peak_dbfs(np.array([0.5], np.float32)) == pytest.approx(-6.02, abs=0.01)
    assert peak_dbfs(np.zeros(3, np.float32)) == -np.inf


def zero_hz(audio: bytes) -> bytes:
    return audio[:24] + bytes(4) + audio[28:]  # the rate's place in a WAV header


@pytest.mark.parametrize(
    "audio",
    [
        pytest.param(b"", id="empty file"),
        pytest.param(b"not a sound at all", id="text"),
        pytest.param(wav(tone(0.1))[:30], id="cut in the header"),
        pytest.param(wav(np.zeros(0, np.float32)), id="no samples"),
        pytest.param(wav(np.array([0.1, np.nan], np.float32)), id="not a number"),
        pytest.param(wav(np.array([0.1, np.inf], np.float32)), id="infinite"),
        pytest.param(zero_hz(wav(tone(0.1))), id="0 Hz"),
        pytest.param(wav(tone(0.1)[:1], 192_000), id="shorter than one sample at 16 kHz"),
    ],
)
def test_undecodable(audio):
    with pytest.raises(UndecodableError, match=r".+"):
        decode(audio)


def test_zero_rate_is_refused_with_the_number():
    with pytest.raises(UndecodableError, match="expected a positive sample rate, got 0"):
        to_waveform(np.zeros((4, 1), np.float32), 0)
