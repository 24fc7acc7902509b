import numpy as np
import pytest
from transformers import WhisperFeatureExtractor

from asr.features.log_mel import log_mel
from tests.examples import tone


@pytest.mark.parametrize("num_mels", [80, 128])
def test_short_spectrogram_is_the_start_of_the_30_s_one(num_mels):
    clips = [tone(0.9), 0.1 * tone(0.5, 1000.0)]
    ours = log_mel(clips, num_frames=128, num_mels=num_mels)
    extractor = WhisperFeatureExtractor(feature_size=num_mels)
    thirty_seconds = np.stack([np.pad(clip, (0, 480_000 - len(clip))) for clip in clips])
    theirs = extractor._np_extract_fbank_features(thirty_seconds, "cpu")
    assert ours.shape == (2, num_mels, 128)
    assert theirs.shape == (2, num_mels, 3000)
    np.testing.assert_allclose(ours, theirs[..., :128], atol=5e-6, rtol=0)
    # Called as usual it takes torch, whose single precision is 2.4e-5 off on the pure tone.
    as_usual = extractor(clips, sampling_rate=16_000, return_tensors="np").input_features
    np.testing.assert_allclose(ours, as_usual[..., :128], atol=5e-5, rtol=0)


@pytest.mark.integration
def test_the_mel_filters_are_those_of_librosa():
    import librosa  # OpenAI made Whisper's with it

    clip = np.random.default_rng(1).normal(0, 0.1, 160 * 100).astype(np.float32)
    options = {"sr": 16_000, "n_fft": 400, "hop_length": 160, "pad_mode": "reflect"}
    power = librosa.feature.melspectrogram(y=clip, n_mels=80, **options)[:, :100]
    expected = (np.log10(power) + 4) / 4  # noise has nothing 80 dB below its peak
    np.testing.assert_allclose(log_mel([clip], 100, 80)[0], expected, atol=5e-6, rtol=0)


def test_a_loud_neighbour_changes_nothing():
    quiet, loud = 0.01 * tone(0.5), tone(0.5, 1000.0)
    alone = log_mel([quiet], 64, 80)
    together = log_mel([loud, quiet], 64, 80)
    np.testing.assert_array_equal(together[1:], alone)


def test_a_clip_that_does_not_fit_is_refused_with_both_lengths():
    with pytest.raises(ValueError, match=r"a clip of 1.00 s does not fit 0.64 s of context"):
        log_mel([tone(1.0)], 64, 80)
