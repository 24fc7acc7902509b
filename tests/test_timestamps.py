# python -m pytest tests/test_timestamps.py
"""A tiny Whisper that learns timestamps, and the benchmark that measures them."""

import pytest
import torch

from asr.core.errors import InputError
from asr.core.files import read_json
from asr.families.whisper.decoding.timestamps import Segment, segments
from asr.families.whisper.training.params import TimestampsParams
from asr.training.augmentation.examples import (
    Example,
    Piece,
    example_utterance,
    example_waveform,
)
from asr.training.update import trainable
from benchmarks.timestamps import accuracy, main, measure
from tests.tiny_families import CLIPS, ROOT, TEXTS, WHISPER, utterances

FIRST, END = 1000, 999
A, B = 7, 8  # text tokens
NUM_STEPS = 100


def at(seconds):
    return FIRST + round(seconds / 0.02)


def read(*tokens):
    return segments(tokens, FIRST, END, lambda words: "".join({A: " a", B: " b"}[w] for w in words))


def test_segments_are_read_in_the_order_of_time():
    assert read(at(0), A, B, at(1.4), END) == [Segment(0.0, 1.4, "a b")]
    found = read(at(0), A, at(1.4), at(1.62), B, at(3.0), END)
    assert found == [Segment(0.0, 1.4, "a"), Segment(1.62, 3.0, "b")]
    assert read(at(0), A, at(1.4), at(1.4), B, at(3.0), END)[1].start_s == 1.4


@pytest.mark.parametrize(
    "tokens",
    [
        (),
        (END,),
        (A, END),  # no timestamps
        (A, at(1), END),
        (at(0), A, END),  # no end
        (at(0), A, at(1)),  # ran away
        (at(0), at(1), END),  # says nothing
        (at(0), A, at(1), B, END),
        (at(0), A, at(1), at(0.5), B, at(2), END),  # back in time
        (at(2), A, at(1), END),
    ],
)
def test_what_is_no_row_of_segments(tokens):
    assert read(*tokens) is None


def joined(*indices, pause_s=0.3):
    """Tones in sequence, with their texts."""
    pieces = tuple(Piece(i, 1.0, pause_s * (n > 0)) for n, i in enumerate(indices))
    duration_s = sum(p.pause_s + len(CLIPS[p.index]) / 16_000 for p in pieces)
    example = Example(pieces, duration_s, seed=indices[0])
    return example_waveform(example, CLIPS), example_utterance(example, utterances("be"))


def test_errors_are_those_of_the_end_and_of_the_boundaries():
    clips = [joined(0, 1), joined(1, 2), joined(3)]  # 0.4 + 0.3 + 0.6 s, 0.6 + 0.3 + 0.8 s, 1.0 s
    written = [
        [Segment(0.0, 0.5, "a"), Segment(0.6, 1.4, "b")],  # the boundary is at 0.55, both times
        [Segment(0.0, 1.9, "a")],
        None,
    ]
    assert accuracy(written, clips) == {
        "valid": 0.6667,
        "end_error_s": 0.15,  # 0.1 and 0.2
        "boundaries_found": 0.5,
        "boundaries_written": 1,
        "boundaries_known": 2,
    }


@pytest.mark.integration
def test_a_model_writes_both_ways_if_a_share_of_its_training_has_timestamps(tmp_path):
    """Two tones and their pause are written with their times, or without."""
    WHISPER.write_base(tmp_path / "base")
    clips = [joined(0, 1), joined(2)]
    torch.manual_seed(1)
    trainee = WHISPER.trainee(tmp_path / "base", own={"timestamps": TimestampsParams(share=0.5)})
    weights = trainable(trainee.network)
    optimizer = torch.optim.AdamW(weights.values(), lr=3e-3, weight_decay=0.0)
    waveforms, them = zip(*clips, strict=True)
    seconds = trainee.seconds(max(len(waveform) for waveform in waveforms) / 16_000)
    for step in range(NUM_STEPS):
        batch = trainee.batch(waveforms, them, seconds, (2 * step, 2 * step + 1), zeros=False)
        loss = trainee.summed_loss(batch) / batch.num_targets
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights.values(), 1.0)
        optimizer.step()
    (tmp_path / "tuned").mkdir()
    trainee.save(tmp_path / "tuned")
    found = measure(tmp_path / "tuned", clips, margin_s=0.1)
    assert found["wer"] == {"with timestamps": 0.0, "without": 0.0}
    timestamps = found["timestamps"]
    assert (timestamps["valid"], timestamps["boundaries_found"]) == (1.0, 1.0)
    assert timestamps["end_error_s"] <= 0.04
    assert found["examples"][0]["written"] == (
        f"<|0.00|> {TEXTS[0]}<|0.40|><|0.70|> {TEXTS[1]}<|1.30|><|endoftext|>"
    )


def test_the_table_in_the_docs_is_that_of_the_committed_results():
    found = read_json(ROOT / "benchmarks/results/timestamps.json")["models"]
    known = {row["timestamps"]["boundaries_known"] for row in found.values()}
    rows = []
    for name, model in found.items():
        one = model["timestamps"]
        rates = f"{one['valid']:.0%} | {one['end_error_s']:.2f} | {one['boundaries_found']:.1%}"
        rows.append(f"| {name} | {rates} |")
    page = (ROOT / "docs/training.md").read_text(encoding="utf-8")
    table = page.partition("<!-- timestamps -->\n")[2].partition("<!-- /timestamps -->")[0]
    assert [line.replace(" %", "%") for line in table.splitlines()[2:]] == rows
    assert f"of {', '.join(map(str, known))} |" in table


def test_a_model_that_is_not_there_is_named():
    with pytest.raises(InputError, match="tuned=no/folder: expected NAME=FOLDER of a model"):
        main(["tuned=no/folder"])
