# python -m pytest tests/test_waveform.py
import numpy as np
import pytest

from asr.utterances.waveform import from_int16, peak_dbfs, to_int16


def test_int16_rounds_clips_and_comes_back():
    waveform = np.array([0.0, 0.5, 1.0, 1.5, -1.0, -1.5, 0.6 / 32768], np.float32)
    samples = to_int16(waveform)
    assert samples.tolist() == [0, 16384, 32767, 32767, -32768, -32768, 1]
    every = np.arange(-32768, 32768, dtype="<i2")
    assert (to_int16(from_int16(every)) == every).all()


def test_peak():
    assert peak_dbfs(np.array([0.1, -1.0], np.float32)) == 0
    assert peak_dbfs(np.array([0.5], np.float32)) == pytest.approx(-6.02, abs=0.01)
    with np.errstate(divide="raise"):  # silence is no warning
        assert peak_dbfs(np.zeros(3, np.float32)) == -np.inf
