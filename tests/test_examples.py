from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.training.augmentation.epoch import epoch_examples
from asr.training.augmentation.examples import (
    Example,
    Piece,
    TokenLimit,
    example_utterance,
    example_waveform,
)
from asr.training.params import JoinParams, SpeedChangeParams
from tests.examples import utterance

JOIN = JoinParams(share=0.5, max_s=8.0, max_pause_s=0.3)
CHANGE = SpeedChangeParams(most=0.12)
clips = st.lists(st.tuples(st.floats(0.3, 30.0), st.sampled_from(["be", "bg"])), max_size=60)


def plenty(clips):
    return TokenLimit([1] * len(clips), lambda duration_s: 999, 30.0)


@given(st.lists(st.integers(1, 14), max_size=60), st.integers(0, 5))
def test_joined_clips_have_no_more_text_than_the_decoder_takes(num_tokens, seed):
    all_joined = JoinParams(share=1.0, max_s=15.0, max_pause_s=0.0)
    lengths, groups = [0.3] * len(num_tokens), ["be"] * len(num_tokens)
    room = TokenLimit(num_tokens, lambda duration_s: 14, 30.0)
    examples = epoch_examples(
        range(len(lengths)), lengths, groups, room, all_joined, CHANGE, Random(seed)
    )
    texts = [[num_tokens[piece.index] for piece in example.pieces] for example in examples]
    assert all(sum(text) <= 14 for text in texts)
    assert sorted(number for text in texts for number in text) == sorted(num_tokens)


def one_by_one(clips, limit, join, change, rng):
    """The examples of one group that are all joined, each number drawn when it is needed."""
    order = list(range(len(clips)))
    rng.shuffle(order)
    for _ in order:
        rng.random()  # whether a clip is joined
    examples, rest = [], list(order)
    while rest:
        remaining_s, seconds, some = rng.uniform(0, join.max_s), 0.0, []
        while rest:
            tokens = sum(limit.num_tokens[i] for i in [*some, rest[0]])
            own_s = clips[rest[0]]
            if some and (own_s > remaining_s or tokens > limit.max_tokens(seconds + own_s)):
                break
            remaining_s, seconds = remaining_s - own_s, seconds + own_s
            some.append(rest.pop(0))
        pauses = [0.0, *(rng.uniform(0, join.max_pause_s) for _ in some[1:])]
        speeds = [rng.uniform(1 - change.most, 1 + change.most) for _ in some]
        seconds = sum(p + clips[i] / s for p, i, s in zip(pauses, some, speeds, strict=True))
        tokens = sum(limit.num_tokens[i] for i in some)
        if seconds > limit.max_duration_s or tokens > limit.max_tokens(seconds):
            pauses, speeds, seconds = (
                [0.0] * len(some),
                [1.0] * len(some),
                sum(clips[i] for i in some),
            )
        pieces = tuple(map(Piece, some, speeds, pauses))
        examples.append(Example(pieces, seconds, rng.getrandbits(63)))
    return examples


@given(st.lists(st.tuples(st.floats(0.3, 12.0), st.integers(1, 14)), max_size=40),
       st.integers(0, 9))  # fmt: skip
def test_numbers_drawn_at_once_are_those_drawn_one_by_one(clips, seed):
    lengths, num_tokens = [own_s for own_s, _ in clips], [number for _, number in clips]
    limit = TokenLimit(num_tokens, lambda seconds: int(4 * seconds), 12.0)
    join = JoinParams(share=1.0, max_s=9.0, max_pause_s=0.3)
    ours, plain = Random(seed), Random(seed)
    groups = ["be"] * len(clips)
    examples = epoch_examples(range(len(clips)), lengths, groups, limit, join, CHANGE, ours)
    expected = one_by_one(lengths, limit, join, CHANGE, plain)
    assert [(e.pieces, e.seed) for e in examples] == [(e.pieces, e.seed) for e in expected]
    durations = [e.duration_s for e in expected]
    assert [e.duration_s for e in examples] == pytest.approx(durations, rel=1e-12)
    assert ours.getstate() == plain.getstate()


@given(clips, st.integers(0, 5))
def test_each_clip_is_in_one_example_with_others_of_its_group_alone(chosen, seed):
    lengths, groups = [length for length, _ in chosen], [group for _, group in chosen]
    examples = epoch_examples(
        range(len(lengths)), lengths, groups, plenty(lengths), JOIN, CHANGE, Random(seed)
    )
    pieces = [piece for example in examples for piece in example.pieces]
    assert sorted(piece.index for piece in pieces) == list(range(len(chosen)))
    for example in examples:
        assert len({groups[piece.index] for piece in example.pieces}) == 1
        assert example.duration_s <= 30.0 + 1e-9
        if len(example.pieces) > 1:
            assert sum(lengths[piece.index] for piece in example.pieces) <= JOIN.max_s + 1e-9
    for piece in pieces:
        assert 0.88 <= piece.speed <= 1.12
        assert 0.0 <= piece.pause_s <= 0.3


def test_nothing_is_joined_or_changed_where_params_say_so():
    as_it_is = JoinParams(share=0.0, max_s=8.0, max_pause_s=0.3), SpeedChangeParams(most=0.0)
    examples = epoch_examples(
        range(3), [1.0, 2.0, 3.0], ["be"] * 3, plenty([1, 2, 3]), *as_it_is, Random(1)
    )
    assert sorted(e.pieces[0].index for e in examples) == [0, 1, 2]
    assert all(len(e.pieces) == 1 and e.pieces[0].speed == 1.0 for e in examples)


def test_joined_clips_follow_each_other_with_silence_between():
    # 0.1 s of ones, 0.05 s of pause, 0.2 s of twos, at a speed of 1.
    waveforms = [np.full(1600, 1, np.float32), np.full(3200, 2, np.float32)]
    example = Example((Piece(0, 1.0, 0.0), Piece(1, 1.0, 0.05)), 0.35, 1)
    waveform = example_waveform(example, waveforms)
    assert waveform.dtype == np.float32
    assert waveform.tolist() == [1.0] * 1600 + [0.0] * 800 + [2.0] * 3200


@pytest.mark.parametrize("speed", [0.88, 1.0, 1.12])
def test_a_faster_clip_is_shorter_and_higher(speed):
    tone = np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000).astype(np.float32)
    waveform = example_waveform(Example((Piece(0, speed, 0.0),), 1 / speed, 1), [tone])
    assert len(waveform) == pytest.approx(16_000 / speed, abs=1)
    spectrum = np.abs(np.fft.rfft(waveform[:8000]))
    assert spectrum.argmax() * 2 == pytest.approx(440 * speed, abs=2)


def test_what_is_said_in_joined_clips_is_all_their_texts():
    utterances = [utterance("a", text="Лось. "), utterance("b", text="Воўк.")]
    example = Example((Piece(1, 1.0, 0.0), Piece(0, 1.0, 0.2)), 3.2, 1)
    joined = example_utterance(example, utterances)
    assert (joined.id, joined.text) == ("xx/b+xx/a", "Воўк. Лось.")
    assert (joined.language, joined.duration_s) == ("be", 3.2)
