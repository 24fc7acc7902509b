# python -m pytest tests/test_screening.py
import numpy as np
import pytest

from asr.corpora.recording import Recording, Segment
from asr.preparation.screening import Failed, screen
from asr.utterances.waveform import SAMPLE_RATE, from_int16
from tests import bad_audio
from tests.examples import tone, wav
from tests.test_preparation import PARAMS

SECONDS = np.concatenate([tone(1.0, hz=hz, peak=0.5) for hz in (100, 200, 300, 400, 500)])


def recording(audio, text="Добры дзень.", segments=()):
    return Recording("talk", text, audio, "talk.wav", segments=tuple(segments))


def hz(samples: bytes) -> int:
    """The tone's frequency, from clips of a whole second."""
    waveform = from_int16(np.frombuffer(samples, "<i2"))
    return int(np.argmax(np.abs(np.fft.rfft(waveform[:SAMPLE_RATE]))))


def test_each_timed_segment_is_an_utterance():
    segments = [Segment(0.0, 1.0, "Адзін."), Segment(1.0, 3.0, ""), Segment(4.0, None, "Пяць.")]
    first, last = screen(recording(wav(SECONDS), None, segments), PARAMS)
    assert (first.name, first.text, first.duration_s) == ("talk#0", "Адзін.", 1.0)
    assert (last.name, last.text, last.duration_s) == ("talk#2", "Пяць.", 1.0)
    assert (hz(first.samples), hz(last.samples)) == (100, 500)
    assert (first.attributes["start_s"], last.attributes["start_s"]) == ("0.000", "4.000")
    assert last.facts["duration_s"] == 5.0  # of the file


@pytest.mark.parametrize(
    ("segment", "reason", "detail"),
    [
        (Segment(2, 1, "А."), "wrong_times", "2 s to 1 s in a recording of 5.0 s"),
        (Segment(1, 1, "А."), "wrong_times", "1 s to 1 s in a recording of 5.0 s"),
        (Segment(-1, 1, "А."), "wrong_times", "-1 s to 1 s in a recording of 5.0 s"),
        (Segment(5, 6, "А."), "wrong_times", "5 s to 6 s in a recording of 5.0 s"),
        (Segment(4, 5.6, "А."), "wrong_times", "4 s to 5.6 s in a recording of 5.0 s"),
        (Segment(7, None, "А."), "wrong_times", "7 s to 5 s in a recording of 5.0 s"),
        (Segment(float("nan"), 1, "А."), "wrong_times", "nan s to 1 s in a recording of 5.0 s"),
        (Segment(0, float("nan"), "А."), "wrong_times", "0 s to nan s in a recording of 5.0 s"),
        (Segment(0, float("inf"), "А."), "wrong_times", "0 s to inf s in a recording of 5.0 s"),
        (Segment(0, 0, "А.", fault="a.srt:7: no time"), "wrong_times", "a.srt:7: no time"),
        (Segment(0, 0, "", fault="a.json: no text"), "no_transcript", "a.json: no text"),
        (Segment(0, 3, "А."), "too_long", "3.0 s"),
        (Segment(0, 0.1, "А."), "too_short", "0.1 s"),
        (Segment(0, 1, "♪ …"), "no_transcript", "no letter or digit"),
        (Segment(0, 1, "А.", 0.4), "alignment_failed", "confidence 0.40 that the text is said"),
    ],
)
def test_a_segment_that_cannot_be_has_its_reason(segment, reason, detail):
    good = Segment(3.0, 4.0, "Добра.")
    bad, kept = screen(recording(wav(SECONDS), None, [segment, good]), PARAMS)
    assert (bad.name, bad.reason) == ("talk#0", reason)
    assert bad.detail.startswith(detail)
    assert hz(kept.samples) == 400


def test_an_utterance_says_that_one_channel_alone_was_heard():
    opposite = np.stack([SECONDS, -SECONDS], axis=1)
    (kept,) = screen(recording(wav(opposite), None, [Segment(3.0, 4.0, "Добра.")]), PARAMS)
    assert (hz(kept.samples), kept.attributes["only_channel"]) == (400, "0")


def test_a_last_line_may_outlast_its_recording_by_a_rounding():
    (kept,) = screen(recording(wav(SECONDS), None, [Segment(4.0, 5.4, "Пяць.")]), PARAMS)
    assert kept.duration_s == 1.0


def test_a_long_recording_without_times_is_not_cut_off():
    (failed,) = screen(recording(wav(SECONDS)), PARAMS)
    assert failed.reason == "too_long_without_timestamps"
    assert failed.detail == "5.0 s, of which the model hears 2 s"
    (failed,) = screen(recording(wav(tone(10.1)), None, [Segment(0, 1, "А.")]), PARAMS)
    assert (failed.reason, failed.detail) == ("too_long", "more than 10 s")


STEREO = np.stack([tone(1.0, hz=200), tone(1.0, hz=400)], axis=1)


def on(channel):
    """Screen a stereo recording on a channel."""
    return screen(Recording("call", "А.", wav(STEREO), "call.wav", channel=channel), PARAMS)


def test_a_channel_is_decoded_alone_and_each_is_an_utterance():
    assert [hz(one.samples) for channel in (0, 1) for one in on(channel)] == [200, 400]
    assert [(one.name, hz(one.samples)) for one in on("each")] == [
        ("call~channel0", 200), ("call~channel1", 400)]  # fmt: skip
    (failed,) = on(2)
    assert (failed.reason, failed.detail) == ("undecodable", "expected channel 2, got 2 channels")
    mono = Recording("call", "А.", wav(tone(1.0, hz=200)), "call.wav", channel="each")
    assert [one.name for one in screen(mono, PARAMS)] == ["call"]


@pytest.mark.parametrize(
    ("stated_s", "expected"),
    [(1.0, 1.0), (4.9, "too_long_without_timestamps"), (5.4, "too_long_without_timestamps"),
     (5.6, "wrong_times")],
)  # fmt: skip
def test_what_lies_behind_a_stated_duration_is_not_decoded(stated_s, expected):
    one = Recording("talk", "А.", wav(SECONDS), "talk.wav", stated_s=stated_s)
    (outcome,) = screen(one, PARAMS)
    if isinstance(outcome, Failed):
        assert outcome.reason == expected
    else:
        assert (outcome.duration_s, hz(outcome.samples)) == (expected, 100)


def test_audio_that_no_table_names_is_listed():
    (failed,) = screen(Recording("a.wav", None, b"", "a.wav", unlisted=True), PARAMS)
    assert (failed.reason, failed.detail) == ("unlisted", "no table of the corpus names this file")


def test_segments_that_say_nothing_are_no_transcript():
    (failed,) = screen(
        recording(wav(SECONDS), "Тэкст.", [Segment(0, 1, ""), Segment(1, 2, "♪")]), PARAMS
    )
    assert isinstance(failed, Failed) and failed.reason == "no_transcript"
    assert failed.facts["duration_s"] == 5.0


def test_what_was_trimmed_is_in_the_attributes():
    silence = np.zeros(SAMPLE_RATE // 2, np.float32)
    audio = wav(np.concatenate([silence, tone(0.5), silence]))
    (whole,) = screen(recording(audio), PARAMS)
    assert (whole.duration_s, whole.attributes) == (1.5, {"snr_db": "60.0"})  # digital silence
    trim = PARAMS.silence.model_copy(update={"trim": True})
    (trimmed,) = screen(recording(audio), PARAMS.model_copy(update={"silence": trim}))
    assert trimmed.duration_s == pytest.approx(0.7, abs=0.011)  # the tone and 0.1 s on each side
    assert trimmed.attributes == {
        "trimmed_start_s": "0.400", "trimmed_end_s": "0.400",
        "snr_db": "60.0",  # measured before
    }  # fmt: skip
    assert trimmed.facts["duration_s"] == 1.5


def test_an_offset_is_removed_and_noted():
    (clean,) = screen(recording(wav(tone(0.5))), PARAMS)
    (moved,) = screen(recording(wav(tone(0.5) + np.float32(0.25))), PARAMS)
    assert "dc_offset" not in clean.attributes and moved.attributes["dc_offset"] == "0.2500"
    samples = [np.frombuffer(one.samples, "<i2").astype(int) for one in (clean, moved)]
    assert np.abs(samples[0] - samples[1]).max() <= 1


def test_facts_are_of_the_file():
    stereo = np.stack([tone(1.0, rate=44_100)] * 2, axis=1)
    stereo[22_050:] = 0
    (one,) = screen(recording(bad_audio.encode(stereo, 44_100, "FLAC")), PARAMS)
    silence_share = one.facts.pop("silence_share")
    assert silence_share == pytest.approx(0.5, abs=0.02)
    assert one.facts == {
        "duration_s": 1.0,
        "format": "FLAC",
        "sample_rate": 44_100,
        "num_channels": 2,
        "clipped_share": 0.0,
    }
