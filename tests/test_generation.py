# python -m pytest tests/test_generation.py
"""Search over a table of probabilities, checkable by hand, and over a tiny language model."""

import itertools
import math

import pytest
import torch
from transformers import Qwen3Config, Qwen3Model

from asr.generation.causal_lm import (
    IGNORED,
    CausalLm,
    mask_of_lengths,
    next_token_loss,
    positions_of,
    right_padded,
)
from asr.generation.search import Limits, search, search_lists

A, B, C, END, STOP = range(5)


class Table:
    """A decoder whose next token depends on the last one alone; it notes the size of its batch."""

    def __init__(self, *clips):
        self.clips, self.sizes = list(clips), []

    def start(self):
        return self.rows(self.clips, [None] * len(self.clips))

    def step(self, rows, tokens):
        self.clips = [self.clips[row] for row in rows]
        return self.rows(self.clips, tokens)

    def rows(self, clips, tokens):
        self.sizes.append(len(clips))
        chances = [clip[token] for clip, token in zip(clips, tokens, strict=True)]
        return torch.tensor([[row.get(i, 0.0) for i in range(5)] for row in chances]).log()


TO_END = {None: {A: 0.9, B: 0.1}, A: {B: 1.0}, B: {END: 1.0}}
AT_ONCE = {None: {STOP: 1.0}}
FOREVER = {None: {A: 1.0}, A: {A: 1.0}}
PAIRS = {None: {A: 1.0}, A: {B: 1.0}, B: {A: 1.0}}


def tokens(found):
    return [one.tokens for one in found]


def test_a_clip_that_ended_leaves_the_batch_at_either_end_token():
    table = Table(TO_END, AT_ONCE, FOREVER)
    found = search(table, Limits([END, STOP], [9, 9, 5]), 1)
    assert tokens(found) == [[A, B, END], [STOP], [A] * 5]
    assert table.sizes == [3, 2, 2, 1, 1]
    assert found[0].log_prob == pytest.approx(math.log(0.9))


@pytest.mark.parametrize("num_beams", [1, 3])
def test_a_phrase_that_repeats_ends_a_clip_before_its_budget(num_beams):
    limits = Limits([END, STOP], [50, 50, 50], max_repeats=4)
    found = search(Table(TO_END, FOREVER, PAIRS), limits, num_beams)
    assert tokens(found) == [[A, B, END], [A] * 4, [A, B] * 4]


@pytest.mark.parametrize(
    ("text", "loop"),
    [
        ("aaa", True), ("baaa", True), ("aa", False), ("abab", False), ("ababab", True),
        ("aabaab", False), ("aabaabaab", True), ("abcabcabd", False), ("", False),
    ],
)  # fmt: skip
def test_a_loop_is_a_phrase_that_comes_three_times_in_a_row(text, loop):
    assert Limits([], [], max_repeats=3).is_loop(list(text)) == loop
    assert not Limits([], []).is_loop(list(text))


# The likeliest first token leads to a split; the second leads straight to the end.
GARDEN = {
    None: {A: 0.6, B: 0.4},
    A: {A: 0.4, B: 0.25, C: 0.2, STOP: 0.15},
    B: {END: 0.99, C: 0.01},
}


def test_beams_find_what_greedy_search_misses():
    greedy, beams = (search(Table(GARDEN), Limits([END], [4]), n)[0] for n in (1, 2))
    assert greedy.tokens == [A] * 4
    assert beams.tokens == [B, END]
    assert beams.log_prob == pytest.approx(math.log(0.4 * 0.99))


def test_lists_begin_with_the_choice_of_the_search_and_descend():
    table = {None: {A: 0.6, B: 0.4}, A: {A: 0.4, STOP: 0.6}, B: {END: 0.99, A: 0.01}}
    limits = Limits([END, STOP], [4])
    (found,) = search_lists(Table(table), limits, 3)
    # Means of log-probability -0.93, -0.97, -1.02 and -3.02.
    assert [one.tokens for one in found] == [[B, END], [A, A, STOP], [A, STOP], [B, A, STOP]]
    assert found[0] == search(Table(table), limits, 3)[0]
    assert search_lists(Table(table), limits, 1) == [search(Table(table), limits, 1)]


def test_beams_prefer_an_end_to_a_loop_that_is_likelier():
    loops = {None: {A: 0.9, B: 0.1}, A: {A: 1.0}, B: {END: 1.0}}
    limits = Limits([END, STOP], [50], max_repeats=8)
    assert search(Table(loops), limits, 1)[0].tokens == [A] * 8
    assert search(Table(loops), limits, 2)[0].tokens == [B, END]


def test_beams_fewer_than_asked_for_are_enough():
    found = search(Table(TO_END, AT_ONCE), Limits([END, STOP], [9, 9]), 4)
    assert tokens(found) == [[A, B, END], [STOP]]


def test_right_padding_by_hand():
    assert right_padded([[1, 2, 3], [4]], 9).tolist() == [[1, 2, 3], [4, 9, 9]]
    mask = mask_of_lengths([3, 1], torch.device("cpu"))
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]
    assert positions_of(mask).tolist() == [[0, 1, 2], [0, 1, 2]]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(1)
    config = Qwen3Config(
        vocab_size=30, hidden_size=16, intermediate_size=24, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, head_dim=8,
    )  # fmt: skip
    network, head = Qwen3Model(config).eval(), torch.nn.Linear(16, 30, bias=False)
    with torch.no_grad():
        for weight in [*network.parameters(), *head.parameters()]:
            weight.normal_(std=0.5)
    return network, head


def decoder(model, *lengths):
    prompts = [torch.randn(length, 16, generator=torch.Generator().manual_seed(length))
               for length in lengths]  # fmt: skip
    padded = torch.nn.utils.rnn.pad_sequence(prompts, batch_first=True, padding_value=7.0)
    return CausalLm(*model, padded, mask_of_lengths(lengths, padded.device))


@pytest.mark.parametrize("num_beams", [1, 3])
def test_padding_and_company_change_no_text(model, num_beams):
    lengths, budgets = (3, 9, 1, 6), [12, 3, 20, 7]
    limits = Limits([0, 1], budgets)
    together = search(decoder(model, *lengths), limits, num_beams)
    assert len({len(one.tokens) for one in together}) > 2  # they leave one after another
    for length, budget, one in zip(lengths, budgets, together, strict=True):
        (alone,) = search(decoder(model, length), Limits([0, 1], [budget]), num_beams)
        assert alone.tokens == one.tokens
        assert alone.log_prob == pytest.approx(one.log_prob, abs=1e-4)


def test_the_cache_gives_what_the_whole_text_gives(model):
    network, head = model
    cached = decoder(model, 4, 2)
    cached.start()
    appended = [[5, 6], [7, 8]]
    for tokens in zip(*appended, strict=True):
        last = cached.step([0, 1], list(tokens))
    for row, (length, text) in enumerate(zip((4, 2), appended, strict=True)):
        prompt = torch.randn(length, 16, generator=torch.Generator().manual_seed(length))
        embedded = torch.cat([prompt, network.embed_tokens(torch.tensor(text))])
        with torch.no_grad():
            whole = head(network(inputs_embeds=embedded[None]).last_hidden_state[:, -1])
        torch.testing.assert_close(last[row], whole[0].log_softmax(-1), atol=1e-5, rtol=1e-5)


def test_the_loss_counts_the_targets_alone():
    hidden = torch.randn(2, 4, 6)
    head = torch.nn.Linear(6, 5)
    targets = torch.tensor([[IGNORED, IGNORED, 3, 4], [IGNORED, 2, IGNORED, IGNORED]])
    by_hand = sum(
        -head(hidden[row, at - 1]).log_softmax(-1)[targets[row, at]]
        for row, at in itertools.product(range(2), range(4))
        if targets[row, at] != IGNORED
    )
    torch.testing.assert_close(next_token_loss(hidden, head, targets), by_hand)
