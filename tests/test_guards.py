# python -m pytest tests/test_guards.py
"""Guards: what tuning may break. Clips, and each figure by hand."""

import numpy as np
import pytest

from asr.audio.params import SilenceParams
from asr.core.params import load_params, read_yaml
from asr.corpora.params import TestSet
from asr.decoding.detection_rows import Detection, TimedText
from asr.guards.clips.joined import long_clips, timestamp_clips
from asr.guards.clips.pauses import find_pauses, pause_clips
from asr.guards.clips.sounds import SOUNDS, sound_clips
from asr.guards.kinds import CLIPS, RECORDING, SOUND, made_clip
from asr.guards.measure.forgetting import measure_forgetting
from asr.guards.measure.hallucination import PHRASES, count_phrases, measure_hallucination
from asr.guards.measure.loops import find_loop, measure_loops
from asr.guards.measure.memorised import measure_memorised
from asr.guards.measure.timestamps import end_is_kept, measure_timestamps
from asr.guards.params import GuardsParams
from asr.scoring.params import ScoreParams
from asr.text.sentence import sentence_key
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.waveform import SAMPLE_RATE
from tests.examples import tone, utterance
from tests.tiny_families import ROOT

PARAMS = load_params("guards", GuardsParams, ROOT / "params.yaml")
SCORE = load_params("score", ScoreParams, ROOT / "params.yaml")
SILENCE = SilenceParams(below_db=40.0, trim=False, margin_s=0.2)


def said(name, text, runaway=False):
    return Hypothesis(id=name, text=text, num_tokens=1, mean_log_prob=0.0, runaway=runaway)


def by_id(texts):
    return {name: said(name, text) for name, text in texts.items()}


# Clips


def test_each_sound_is_made_in_several_lengths_and_languages_take_turns():
    clips = [clip.utterance for clip in sound_clips(["be", "bg"], PARAMS)]
    assert {one.attributes[SOUND] for one in clips} == set(SOUNDS)
    music = [one for one in clips if one.attributes[SOUND] == "music"]
    assert [one.language for one in music] == ["be", "bg", "be", "bg"]
    assert [round(one.duration_s, 1) for one in music] == [1.0, 1.7, 2.9, 5.0]
    # A language has a clip of each sound, even if that makes more.
    one = PARAMS.model_copy(update={"num_sound_clips": 1})
    many = sound_clips(["be", "bg", "de", "el", "es", "fr"], one)
    assert len(many) == 6 * len(SOUNDS)
    assert sound_clips(["be"], PARAMS.model_copy(update={"num_sound_clips": 0})) == []


def test_sounds_are_the_same_bytes_for_a_seed_and_differ_otherwise():
    first, second = (sound_clips(["be"], PARAMS) for _ in range(2))
    assert first == second
    other = sound_clips(["be"], PARAMS.model_copy(update={"seed": 2}))
    changed = {a.utterance.attributes[SOUND] for a, b in zip(first, other, strict=True)
               if a.samples != b.samples}  # fmt: skip
    assert changed == SOUNDS.keys() - {"silence"}


def power(waveform, low_hz, high_hz):
    spectrum = np.abs(np.fft.rfft(waveform)) ** 2
    hz = np.fft.rfftfreq(len(waveform), 1 / SAMPLE_RATE)
    return spectrum[(hz >= low_hz) & (hz < high_hz)].sum()


@pytest.mark.parametrize(
    ("sound", "octaves_db"), [("white_noise", 3.0), ("pink_noise", 0.0), ("brown_noise", -3.0)]
)
def test_noise_has_its_colour(sound, octaves_db):
    noise = SOUNDS[sound](SAMPLE_RATE * 10, np.random.default_rng(1))
    ratio = power(noise, 1000, 2000) / power(noise, 500, 1000)
    assert abs(10 * np.log10(ratio) - octaves_db) < 0.5


def test_hum_is_of_the_mains_and_music_has_notes():
    hum = SOUNDS["hum"](SAMPLE_RATE * 4, np.random.default_rng(1))
    assert power(hum, 0, 750) > 0.999 * power(hum, 0, 8000)
    assert not SOUNDS["silence"](100, np.random.default_rng(1)).any()
    music = SOUNDS["music"](SAMPLE_RATE * 4, np.random.default_rng(1))
    assert power(music, 100, 4000) > 0.99 * power(music, 0, 8000)


def with_pause(seconds, level=1e-3):
    noise = np.random.default_rng(1).normal(0, level, round(seconds * SAMPLE_RATE))
    return np.concatenate([tone(0.5), noise.astype(np.float32), tone(0.5)])


def test_a_pause_is_cut_without_the_words_around_it():
    (pause,) = find_pauses(with_pause(0.5))
    assert len(pause) == pytest.approx(0.44 * SAMPLE_RATE, abs=320)
    assert np.abs(pause).max() < 0.01
    assert list(find_pauses(with_pause(0.1))) == []
    assert list(find_pauses(with_pause(0.5, level=0.0))) == []  # digital silence has no room


def test_pauses_are_joined_to_a_clip_with_the_ids_of_their_recordings():
    them = [utterance(f"{n}", corpus="be", language="be") for n in range(5)]
    waveforms = [with_pause(0.5) if n else with_pause(0.05) for n in range(5)]
    (clip,) = pause_clips(them, waveforms, PARAMS)
    assert clip.utterance.duration_s == pytest.approx(4 * 0.44, abs=0.1)
    assert clip.utterance.attributes[CLIPS].splitlines() == ["be/1", "be/2", "be/3", "be/4"]
    assert (clip.utterance.language, clip.utterance.attributes[SOUND]) == ("be", "pauses")
    assert pause_clips(them[:2], waveforms[:2], PARAMS) == []  # less than a second


def ten_clips(language="be"):
    them = [utterance(f"{language}{n}", language=language, duration_s=2.0) for n in range(10)]
    return them, [tone(2.0, hz=200.0 + n) for n in range(10)]


def test_long_recordings_are_cut_into_pieces_that_a_model_takes():
    them, waveforms = ten_clips()
    clips = long_clips(them, waveforms, PARAMS.model_copy(update={"joined_s": 15.0}), 6.0, SILENCE)
    assert {clip.utterance.attributes[RECORDING] for clip in clips} == {"be-0"}
    assert 12.0 < sum(clip.utterance.duration_s for clip in clips) <= 15.0
    assert max(clip.utterance.duration_s for clip in clips) <= 6.0
    ids = clips[0].utterance.attributes[CLIPS].splitlines()
    assert len(ids) == len(set(ids)) >= 6  # no clip twice: that would look like a loop


def test_clips_for_timestamps_take_languages_in_turn_until_there_are_no_more():
    (be, first), (bg, second) = ten_clips("be"), ten_clips("bg")
    many = PARAMS.model_copy(update={"num_timestamp_clips": 20})
    clips = timestamp_clips([*be, *bg], [*first, *second], many, 30.0)
    assert [clip.utterance.language for clip in clips[:4]] == ["be", "bg", "be", "bg"]
    assert len(clips) < 20
    used = [name for clip in clips for name in clip.utterance.attributes[CLIPS].splitlines()]
    assert sorted(used) == sorted(one.id for one in [*be, *bg])
    few = PARAMS.model_copy(update={"num_timestamp_clips": 3})
    assert len(timestamp_clips([*be, *bg], [*first, *second], few, 30.0)) == 3


# Figures


def sound(name, seconds, language="be"):
    waveform = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    return made_clip(SOUND, name, waveform, language, name, {SOUND: name}).utterance


def test_characters_are_counted_by_the_minute_and_by_sound():
    sounds = [sound("hum", 20.0), sound("silence", 40.0)]
    texts = by_id({"sound/hum": "да!", "sound/silence": "... ..."})
    found = measure_hallucination(sounds, texts)
    assert found["chars_per_minute"] == 2.0
    assert found["by_sound"] == {"hum": 6.0, "silence": 0.0}
    assert found["examples"] == [{"sound": "hum", "language": "be", "text": "да!"}]
    assert measure_hallucination([], {})["chars_per_minute"] is None


def test_known_phrases_are_counted_in_the_text_of_any_language():
    texts = ["Субтитры создавал DimaTorzok", "thank you, for Watching!", "Thank you for watching."]
    assert count_phrases(texts, read_yaml(PHRASES)) == {
        "Субтитры создавал": 1, "Thank you for watching": 2,
    }  # fmt: skip


def test_each_language_has_phrases_with_letters():
    for language, phrases in read_yaml(PHRASES).items():
        assert all(len(sentence_key(phrase)) >= 4 for phrase in phrases), language


@pytest.mark.parametrize(
    ("text", "piece"),
    [
        ("да да да да да", "да"),
        ("это так это так, это так. Это так", "это так"),
        ("полатрън съдънцънцънцънцънцънц", "ънц"),
        ("字幕字幕字幕字幕字幕", "字幕"),
        ("Луууууууууууу!", "у"),
        ("Агонь! Агонь! Агонь!", None),  # a sentence of the starter corpora
        ("да да да да", "да"),
        ("Мммм.", None),  # too short to be one
        ("Мммм, мммм, мммм, мммм.", "мммм"),
        ("हाँ हाँ हाँ हाँ हाँ", "हाँ"),
        ("раз два три", None),
        ("", None),
    ],
)
def test_a_loop_is_a_piece_that_comes_four_times_in_a_row(text, piece):
    assert find_loop(text, PARAMS.min_repeats, PARAMS.min_loop_chars) == piece


def test_loops_of_the_test_set_and_of_joined_speech_are_counted_apart():
    pieces = [utterance(f"p{n}", attributes={RECORDING: "be-0"}) for n in range(2)]
    # Two repeats in each piece: the loop is seen only where they are joined.
    of_pieces = by_id({"xx/p0": "раз это так это так", "xx/p1": "это так это так"})
    found = measure_loops(
        by_id({"a": "да да да да да", "b": "да"}), pieces, of_pieces, PARAMS
    )  # fmt: skip
    assert found == {
        "share": 0.5, "num_utterances": 2,
        "examples": [{"utterance_id": "a", "text": "да да да да да"}],
        "joined": {"num_recordings": 1, "num_loops": 1, "share": 1.0},
    }  # fmt: skip


def other(**fields):
    return TestSet(**{"format": "jsonl", "language": "ru", "source": "x"} | fields)


def test_what_is_forgotten_is_scored_by_corpus():
    them = [utterance(f"{n}", corpus="ru", language="ru", text="раз два") for n in range(2)]
    texts = by_id({"ru/0": "раз два", "ru/1": "Раз!"})
    named = {one.id: Detection(id=one.id, language=code, timed=None)
             for one, code in zip(them, ("ru", "be"), strict=True)}  # fmt: skip
    lines = {"ru": other(), "el": other(language="el")}
    found = measure_forgetting(them, texts, ROOT, named, lines, SCORE)
    assert found == {
        "ru": {"num_utterances": 2, "wer": 0.25, "language_accuracy": 0.5},
        "el": {"num_utterances": 0, "wer": None, "language_accuracy": None},
    }
    without = measure_forgetting(them, texts, ROOT, {}, lines, SCORE)
    assert without["ru"] == {"num_utterances": 2, "wer": 0.25, "language_accuracy": None}
    verbatim = {"ru": other(normalizer="verbatim")}
    assert measure_forgetting(them, texts, ROOT, {}, verbatim, SCORE)["ru"]["wer"] == 0.5


@pytest.mark.parametrize(
    ("timed", "plain", "kept"),
    [
        ("Раз два три.", "Раз, два, три.", True),
        ("Раз два тры", "раз два три", True),  # spelled otherwise
        ("Раз два три и", "раз два три", True),
        ("Раз.", "Раз два три.", False),
        ("", "раз", False),
        ("раз", "", True),
    ],
)
def test_the_end_of_the_text_is_kept_if_the_last_word_is_there(timed, plain, kept):
    assert end_is_kept(timed, plain) == kept


def test_timestamps_are_valid_inside_and_without_loss():
    clips = [utterance(f"{n}", duration_s=3.0) for n in range(4)]
    written = [
        TimedText("раз два", "раз два", [(0.0, 1.0), (1.2, 3.05)]),
        TimedText("раз", "раз два", [(0.0, 3.4)]),  # beyond the clip, and a word is lost
        TimedText("раз два", "раз два", None),
        TimedText("раз два", "раз два", [(0.0, 2.0)]),
    ]
    found = {
        one.id: Detection(id=one.id, language=None, timed=text)
        for one, text in zip(clips, written, strict=True)
    }
    assert measure_timestamps(clips, found) == {
        "num_clips": 4, "valid": 0.75, "inside": 0.5, "text_kept": 0.75,
    }  # fmt: skip
    assert measure_timestamps(clips, {}) is None


def test_a_transcript_of_train_that_comes_back_elsewhere_is_memorised():
    train = [utterance("wrong", text="Гэта зусім іншы сказ."), utterance("short", text="Так.")]
    test = [
        utterance("a", text="Воўк і заяц у лесе."),
        utterance("b", text="Гэта зусім іншы сказ"),  # its own reference
        utterance("c", text="Не."),
    ]
    texts = by_id({"xx/a": "гэта зусім іншы сказ!", "xx/b": "Гэта зусім іншы сказ", "xx/c": "Так"})
    assert measure_memorised(test, texts, train, min_words=4) == {
        "share": 0.333333, "num_utterances": 3,
        "examples": [
            {"utterance_id": "xx/a", "text": "гэта зусім іншы сказ!", "train_id": "xx/wrong"}
        ],
    }  # fmt: skip


def test_a_sentence_without_spaces_is_memorised_too():
    sentence = "今天天气很好我们去公园散步吧"
    train = [utterance("wrong", text=sentence, language="zh"),
             utterance("short", text="你好", language="zh")]  # fmt: skip
    test = [utterance("a", text="他们在家里吃饭", language="zh"), utterance("b", text="不")]
    texts = by_id({"xx/a": sentence + "。", "xx/b": "你好"})
    assert measure_memorised(test, texts, train, min_words=4)["share"] == 0.5


def test_marks_of_letters_count_as_text_for_silence():
    silence = utterance("s", duration_s=60.0, attributes={SOUND: "silence"})
    found = measure_hallucination([silence], by_id({"xx/s": "हिन्दी!"}))
    assert found["chars_per_minute"] == 6.0


@pytest.mark.parametrize("name", ["sound", "joined", "timestamps"])
def test_another_language_may_not_have_the_name_of_the_stages_own_clips(name):
    values = PARAMS.model_dump() | {"others": {name: other().model_dump()}}
    with pytest.raises(ValueError, match=f"{name}: expected another name"):
        GuardsParams.model_validate(values)
