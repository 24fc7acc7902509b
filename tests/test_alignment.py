"""Word times: forced alignment, the choice of heads, and every family's scores."""

import numpy as np
import pytest

from asr.alignment.attention import most_monotone, scores_of_attention
from asr.alignment.forced import forced_alignment
from asr.alignment.letters import letter_units, word_probabilities, word_units
from asr.alignment.params import AlignParams
from asr.alignment.pauses import is_quiet
from asr.alignment.unit_scores import UnitScores
from asr.alignment.words import Word, aligned_words, coverage
from asr.core.params import load_params
from asr.devices.params import MachineParams
from asr.families.protocols import family_module
from tests.examples import tone
from tests.tiny_families import BY_NAME, ROOT

YES, NO = np.log(0.9), np.log(0.05)
ALONE = MachineParams(device="cpu", num_threads=1, num_processes=1, shard_weights=False)
PARAMS = load_params("align", AlignParams, ROOT / "params.yaml")


def test_each_unit_takes_its_frames_and_a_pause_the_quiet_ones():
    scores = np.array(
        [
            [NO, YES, YES, NO, NO, NO, NO],
            [NO, NO, NO, NO, NO, YES, NO],
        ]
    )
    pauses = np.array([0, -9, -9, 0, 0, -9, 0.0])
    bounds = forced_alignment(scores, pauses, np.array([True, True]), np.array([False, False]))
    assert bounds.tolist() == [[1, 3], [5, 6]]


def test_without_a_pause_between_units_they_touch():
    scores = np.array([[YES, NO, NO, NO], [NO, NO, NO, YES]])
    pauses = np.zeros(4)
    bounds = forced_alignment(scores, pauses, np.array([False, True]), np.array([False, False]))
    assert bounds[0, 1] == bounds[1, 0]


def test_two_equal_labels_of_ctc_keep_a_blank_between_them():
    scores = np.array([[YES, YES, YES], [YES, YES, YES]])
    blank = np.full(3, NO)
    both = np.array([True, True])
    bounds = forced_alignment(scores, blank, both, np.array([True, False]))
    assert bounds.tolist() == [[0, 1], [2, 3]]
    assert forced_alignment(scores[:, :2], blank[:2], both, np.array([True, False])) is None


def test_more_units_than_frames_have_no_times():
    assert forced_alignment(np.zeros((3, 2)), np.zeros(2), *np.zeros((2, 3), bool)) is None


def attention_at(places, num_frames):
    """A head that looks at one frame for each unit."""
    head = np.full((len(places), num_frames), 1e-3, np.float32)
    head[np.arange(len(places)), places] = 1.0
    return head


def test_the_head_that_moves_forward_is_chosen():
    heads = [attention_at(places, 6) for places in ([3, 3, 3], [4, 2, 0], [0, 2, 5], [0, 5, 3])]
    assert most_monotone(np.array(heads), 2).tolist() == [2, 3]


def test_a_unit_has_the_best_score_where_its_head_looks():
    heads = np.array([attention_at([0, 2, 5], 6), attention_at([5, 2, 0], 6)])
    scores = scores_of_attention(heads, heads, num_heads=1, smooth_frames=1)
    assert scores.argmax(1).tolist() == [0, 2, 5]


def test_a_frame_that_a_head_looks_at_by_accident_is_smoothed_away():
    head = np.full((2, 12), 0.01, np.float32)
    head[0, 1:5] = head[1, 6:10] = 0.2
    head[0, 11] = 0.9
    scores = scores_of_attention(head[None], head[None], num_heads=1, smooth_frames=3)
    assert scores[0].argmax() < 5


def test_letters_are_forced_one_by_one_and_punctuation_takes_no_time():
    units = letter_units("Не, я!", lambda piece: [ord(c) for c in piece], starts_with_space=False)
    assert "".join(map(chr, units.tokens)) == "Не, я!"
    assert units.words.tolist() == [0, 0, 0, 1, 1, 1]
    assert units.spoken.tolist() == [True, True, False, True, True, False]


def test_the_probability_of_a_word_is_the_mean_over_its_tokens():
    units = word_units("ab c", lambda piece: list(piece.encode()), starts_with_space=False)
    assert bytes(units.tokens) == b"ab c"
    found = word_probabilities(np.log([0.5, 0.5, 0.1, 0.4]), units)
    assert found == pytest.approx([0.5, 0.2])


def test_quiet_is_what_is_far_below_the_loud_parts():
    waveform = np.concatenate([np.zeros(3200, np.float32), tone(0.4), np.zeros(1600, np.float32)])
    quiet = is_quiet(waveform, below_db=35.0, floor_share=0.1)
    assert quiet.tolist() == [True] * 10 + [False] * 20 + [True] * 5


def test_the_noise_of_a_room_is_quiet_beside_digital_silence_too():
    noise = np.random.default_rng(1).normal(0, 2e-3, 16000).astype(np.float32)
    speech = tone(0.4)
    alone = np.concatenate([noise[:4800], speech, noise[:4800]])
    quiet = [True] * 15 + [False] * 20 + [True] * 15
    assert is_quiet(alone, below_db=60.0, floor_share=0.1).tolist() == quiet
    joined = np.concatenate([alone, np.zeros(3200, np.float32)])
    assert is_quiet(joined, below_db=60.0, floor_share=0.1).tolist() == [*quiet, *[True] * 10]


class TwoBursts:
    """An aligner that has heard «ab» in the first half and «c» in the second."""

    def unit_scores(self, waveform, text, language):
        scores = np.full((3, 50), NO)
        scores[0, :12] = scores[1, 12:25] = scores[2, 25:] = YES
        return UnitScores(scores, np.array([0, 0, 2]), 0.02, np.array([0.9, 0.0, 0.5]))


def test_words_start_and_end_with_their_sound():
    pause = np.zeros(3200, np.float32)
    waveform = np.concatenate([pause, tone(0.3), pause, tone(0.2), pause[:1600]])
    assert aligned_words(TwoBursts(), waveform, "ab – c!", "en", PARAMS) == [
        Word("ab", 0.2, 0.5, 0.9),
        Word("–", None, None, None),
        Word("c!", 0.7, 0.9, 0.5),
    ]


def test_coverage_counts_clips_whose_spoken_words_all_have_times():
    timed, dash, lost = Word("a", 0, 1, 1), Word("–", None, None, None), Word("b", None, None, None)
    assert coverage([[timed, dash], [timed, lost], [timed]]) == pytest.approx(2 / 3)


@pytest.fixture(scope="module", params=sorted(BY_NAME))
def family(request, tmp_path_factory):
    """A family's aligner, over random weights but for CTC's letters."""
    one = BY_NAME[request.param]
    folder = tmp_path_factory.mktemp(one.family)
    one.write_base(folder / "base")
    trainee = one.trainee(folder / "base")
    (folder / "model").mkdir()
    trainee.save(folder / "model")
    role = family_module(one.family, "alignment")
    return role.open_aligner(folder / "model", ALONE, PARAMS)


def test_every_family_gives_words_in_order_inside_their_clip(family):
    pause = np.zeros(4800, np.float32)
    waveform = np.concatenate([pause, tone(0.4, hz=300), pause, tone(0.5, hz=700)])
    words = aligned_words(family, waveform, "як – гэта", "be", PARAMS)
    assert [word.text for word in words] == ["як", "–", "гэта"]
    first, dash, second = words
    assert dash == Word("–", None, None, None)
    assert 0 <= first.start_s < first.end_s <= second.start_s < second.end_s <= 1.5
    assert 0 <= first.confidence <= 1


def test_a_text_without_letters_has_no_times(family):
    assert aligned_words(family, tone(0.5), "– …", "be", PARAMS) == [
        Word("–", None, None, None),
        Word("…", None, None, None),
    ]


def test_a_text_that_is_too_long_for_its_clip_has_no_times(family):
    words = aligned_words(family, tone(0.4), "як гэта " * 300, "be", PARAMS)
    assert len(words) == 600
    assert {word.start_s for word in words} == {None}
