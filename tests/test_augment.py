import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given
from hypothesis import strategies as st

from asr.core.errors import InputError
from asr.core.params import load_params
from asr.training.augmentation.augment import Augmentation, shift_pitch
from asr.training.augmentation.noise import Noise, coloured_noise, mix
from asr.training.augmentation.reverb import impulse_response, reverberate
from asr.training.params import AugmentParams, TrainParams
from asr.utterances.waveform import SAMPLE_RATE
from benchmarks.espeak import speak
from tests.examples import tone, wav
from tests.test_training import ROOT

NONE = ROOT / "conf" / "noise"
FOLDER = {"folder": "conf/noise"}


def chance(seed=1):
    return np.random.default_rng(seed)


def augment(noise=0.0, pitch=0.0, reverb=0.0):
    """Section ``train.augment`` with a share of each kind."""
    return AugmentParams(
        noise={"share": noise, "min_snr_db": 5.0, "max_snr_db": 25.0, **FOLDER},
        pitch={"share": pitch, "most_semitones": 3.0},
        reverb={
            "share": reverb, "min_t60_s": 0.2, "max_t60_s": 0.8,
            "min_direct_db": 0.0, "max_direct_db": 12.0,
        },
    )  # fmt: skip


def power_db(waveform):
    return 10 * np.log10(np.mean(np.square(waveform, dtype=np.float64)))


def loudest_hz(waveform):
    return np.abs(np.fft.rfft(waveform)).argmax() * SAMPLE_RATE / len(waveform)


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 20.0])
def test_noise_is_as_far_below_speech_as_asked(snr_db):
    speech = tone(1.0)
    noise = mix(speech, coloured_noise(16_000, 1.0, chance()), snr_db) - speech
    assert power_db(speech) - power_db(noise) == pytest.approx(snr_db, abs=0.01)


def test_silence_gets_no_noise():
    silence = np.zeros(1600, np.float32)
    assert mix(silence, tone(0.1), 10.0) is silence
    speech = tone(0.1)
    assert mix(speech, silence, 10.0) is speech


@pytest.mark.parametrize(("steepness", "db_an_octave"), [(0.0, 0.0), (1.0, -3.01), (2.0, -6.02)])
def test_the_colour_of_noise(steepness, db_an_octave):
    spectrum = np.abs(np.fft.rfft(coloured_noise(160_000, steepness, chance()))) ** 2
    # 10 bins a hertz; two bands an octave apart, per hertz.
    low, high = spectrum[5_000:10_000].mean(), spectrum[10_000:20_000].mean()
    assert 10 * np.log10(high / low) == pytest.approx(db_an_octave, abs=0.25)


def test_noise_of_a_folder_is_a_piece_of_a_recording(tmp_path):
    (tmp_path / "street").mkdir()
    ramp = np.linspace(0, 0.5, 32_000, dtype=np.float32)
    (tmp_path / "street" / "a.wav").write_bytes(wav(ramp))
    (tmp_path / "README.txt").write_text("no sound")
    piece = Noise(tmp_path).piece(1_600, chance())
    start = round(float(piece[0]) / 0.5 * 31_999)
    assert piece == pytest.approx(ramp[start : start + 1_600], abs=1e-6)
    assert start > 0


def test_a_short_recording_of_another_rate_is_repeated(tmp_path):
    (tmp_path / "hum.flac").write_bytes(b"")
    soundfile.write(tmp_path / "hum.flac", tone(0.5, hz=100.0, rate=8_000), 8_000)
    piece = Noise(tmp_path).piece(24_000, chance())
    assert piece.shape == (24_000,)
    assert loudest_hz(piece) == pytest.approx(100, abs=1)


def test_what_is_no_recording_is_named(tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"RIFF")
    with pytest.raises(InputError, match=r"bad\.wav: expected a recording of noise, got "):
        Noise(tmp_path)
    with pytest.raises(InputError, match=r"noise\.folder: expected a folder, got '.*nowhere'"):
        Augmentation(augment(noise=0.1), tmp_path / "nowhere")
    Augmentation(augment(noise=0.0), tmp_path / "nowhere")  # none is wanted


@pytest.mark.parametrize("semitones", [-4.0, 0.0, 3.0, 12.0])
def test_pitch_moves_by_semitones_and_length_stays(semitones):
    heard = shift_pitch(tone(1.0, hz=440.0), semitones)
    assert (heard.shape, heard.dtype) == ((16_000,), np.float32)
    # Half a second of it, 2 Hz a bin.
    assert loudest_hz(heard[4_000:12_000]) == pytest.approx(440 * 2 ** (semitones / 12), abs=3)


@pytest.mark.integration
@pytest.mark.parametrize("semitones", [-3.0, 3.0])
def test_the_pitch_of_a_voice_moves_by_semitones(semitones):
    import librosa

    spoken = speak("Адзін, два, тры, чатыры, пяць.", "be")
    samples, rate = spoken.samples, spoken.rate
    voice = soxr.resample(samples.astype(np.float32) / 2**15, rate, SAMPLE_RATE)

    def hertz(waveform):
        return np.nanmedian(librosa.pyin(waveform, fmin=50, fmax=500, sr=SAMPLE_RATE)[0])

    moved = 12 * np.log2(hertz(shift_pitch(voice, semitones)) / hertz(voice))
    # eSpeak NG speaks a little differently each time: 2.8 to 3.3 semitones were measured for 3.
    assert moved == pytest.approx(semitones, abs=0.6)


@pytest.mark.parametrize(("t60_s", "direct_db"), [(0.3, 0.0), (0.8, 6.0)])
def test_a_room_rings_as_long_and_as_loud_as_asked(t60_s, direct_db):
    response = impulse_response(t60_s, direct_db, chance())
    assert response[0] == 1.0
    assert power_db(response[1:]) + 10 * np.log10(len(response) - 1) == pytest.approx(
        -direct_db, abs=0.01
    )
    # Schroeder: the energy still to come, here from 5 to 25 dB down, falls 60 dB in t60.
    to_come = np.cumsum(np.square(response[1:], dtype=np.float64)[::-1])[::-1]
    level = 10 * np.log10(to_come / to_come[0])
    at = [int(np.argmax(level < threshold)) for threshold in (-5, -25)]
    assert (at[1] - at[0]) / SAMPLE_RATE * 3 == pytest.approx(t60_s, rel=0.1)


def test_a_clip_in_a_room_is_as_long_and_as_loud_and_starts_at_once():
    clip = np.concatenate([tone(0.2), np.zeros(8_000, np.float32)])
    heard = reverberate(clip, impulse_response(0.5, 0.0, chance()))
    assert (heard.shape, heard.dtype) == (clip.shape, np.float32)
    assert power_db(heard) == pytest.approx(power_db(clip), abs=0.01)
    # It rings where there was silence.
    assert power_db(heard[4_000:5_000]) > -40
    alone = reverberate(clip, np.ones(1, np.float32))
    assert alone == pytest.approx(clip, abs=1e-6)


def test_each_kind_has_its_own_share():
    clip = tone(0.2)
    for kind in ("noise", "pitch", "reverb"):
        augmented = Augmentation(augment(**{kind: 0.25}), NONE)
        changed = sum(augmented(clip, seed) is not clip for seed in range(200))
        assert 30 <= changed <= 70  # 50 expected, 6 the standard deviation


def test_a_seed_gives_the_same_bytes_whatever_was_heard_before():
    clip, augmented = tone(0.3), Augmentation(augment(1.0, 1.0, 1.0), NONE)
    first = augmented(clip, 7)
    assert augmented(clip, 8).tobytes() != first.tobytes()
    again = Augmentation(augment(1.0, 1.0, 1.0), NONE)(clip, 7)
    assert again.tobytes() == first.tobytes()
    assert clip.tobytes() == tone(0.3).tobytes()  # the clip itself stays


def test_another_kind_leaves_a_kind_as_it_was():
    # Reverb comes before noise; the noise must be the same one, of the same level. A quiet clip,
    # for what overshoots full scale is turned down.
    clip = tone(0.3, peak=0.05)
    dry = Augmentation(augment(noise=1.0), NONE)(clip, 3) - clip
    wet_clip = Augmentation(augment(reverb=1.0), NONE)(clip, 3)
    wet = Augmentation(augment(noise=1.0, reverb=1.0), NONE)(clip, 3) - wet_clip
    assert wet == pytest.approx(dry, abs=1e-5)


@given(st.integers(1, 4_000), st.integers(0, 2**63 - 1))
def test_what_comes_out_is_as_long_finite_and_within_full_scale(num_samples, seed):
    clip = tone(0.25, peak=1.0)[:num_samples]
    heard = Augmentation(augment(1.0, 1.0, 1.0), NONE)(clip, seed)
    assert (heard.shape, heard.dtype) == (clip.shape, np.float32)
    assert np.isfinite(heard).all()
    assert np.abs(heard).max() <= 1.0


def test_as_params_come_nothing_is_changed():
    params = load_params("train", TrainParams, ROOT / "params.yaml").augment
    clip, augmented = tone(0.1), Augmentation(params, NONE)
    assert all(augmented(clip, seed) is clip for seed in range(100))


def test_the_lowest_of_a_range_is_no_more_than_its_highest():
    with pytest.raises(ValueError, match=r"min_snr_db of at most its maximum 5\.0, got 10\.0"):
        AugmentParams(
            noise={"share": 0.1, "min_snr_db": 10.0, "max_snr_db": 5.0, **FOLDER},
            pitch=augment().pitch,
            reverb=augment().reverb,
        )
