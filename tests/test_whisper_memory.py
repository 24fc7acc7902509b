# python -m pytest tests/test_whisper_memory.py
"""The formula for memory against tensors, counted in tiny sizes."""

from dataclasses import replace

import pytest
import torch
from transformers import WhisperConfig, WhisperForConditionalGeneration

from asr.core.params import load_family_params, read_yaml
from asr.families.whisper.model.model import Whisper
from asr.families.whisper.training import OwnParams
from asr.families.whisper.training.loss import IGNORED, LossBatch, SummedLoss
from asr.families.whisper.training.tuning import make_trainable
from asr.planning.live_bytes import LiveBytes
from benchmarks.whisper_memory import (
    CUDA,
    PROMPT,
    SIZES,
    Run,
    activations,
    config_of,
    equal_clips,
    memory,
    num_weights,
)
from tests.tiny_families import ROOT, WHISPER

MODELS = {  # width, layers of encoder and decoder, heads, vocabulary
    "a": (64, 3, 4, 4, 1500),
    "b": (96, 2, 3, 3, 2000),
}
SHAPES = {"a": equal_clips(6, 4, 40), "b": equal_clips(3, 3, 50)}
RUNS = [
    Run(tune, half, checkpointing, freeze_embedding=True)
    for tune in ("full", "frozen_encoder")
    for half in (False, True)
    for checkpointing in (False, True)
]


def named(run):
    return "-".join(
        [run.tune, "bf16" if run.half else "fp32", *["checkpointing"] * run.checkpointing]
    )


each_run = pytest.mark.parametrize("run", RUNS, ids=named)
each_model = pytest.mark.parametrize("name", MODELS)


def built(name, run):
    width, encoder, decoder, heads, vocab = MODELS[name]
    config = WhisperConfig(
        d_model=width, encoder_layers=encoder, decoder_layers=decoder, vocab_size=vocab,
        encoder_attention_heads=heads, decoder_attention_heads=heads, encoder_ffn_dim=4 * width,
        decoder_ffn_dim=4 * width, pad_token_id=0, bos_token_id=1, eos_token_id=1,
        decoder_start_token_id=1,
    )  # fmt: skip
    whisper = Whisper(WhisperForConditionalGeneration(config), None)
    own = load_family_params("whisper", "train", OwnParams, ROOT / "params.yaml")
    own = own.model_copy(update={"freeze_embedding": run.freeze_embedding})
    make_trainable(whisper, WHISPER.params(run.tune, gradient_checkpointing=run.checkpointing), own)
    return whisper


def batch_of(whisper, shape):
    inputs = torch.randint(2, 300, (shape.num_clips, shape.num_tokens))
    targets = inputs.clone()
    targets[:, : PROMPT - 1] = IGNORED
    mel = torch.randn(shape.num_clips, 80, 2 * shape.num_positions)
    return LossBatch(inputs, targets, log_mel=mel)


def forward(whisper, batch, run):
    with torch.autocast("cpu", torch.bfloat16, enabled=run.half):
        return SummedLoss(whisper)(batch)


@each_run
@each_model
def test_activations_by_the_formula_are_what_the_forward_pass_leaves(name, run):
    whisper, shape = built(name, run), SHAPES[name]
    batch = batch_of(whisper, shape)
    with LiveBytes() as count:
        for given in [*whisper.network.parameters(), batch.inputs, batch.targets, batch.log_mel]:
            count.add(given)
        before = count.live
        loss = forward(whisper, batch, run)
        kept = count.live - before
    assert loss.requires_grad
    assert kept == pytest.approx(activations(whisper.network.config, run, shape), rel=0.001)


@pytest.mark.parametrize(
    ("name", "run"),
    [*(("a", run) for run in RUNS), ("b", RUNS[3])],
    ids=lambda value: value if isinstance(value, str) else named(value),
)
def test_a_step_takes_what_the_formula_says_at_its_fullest_moment(name, run):
    """Two steps of two batches; the moments exist from the first, the gradients from the third."""
    whisper, shape = built(name, run), SHAPES[name]
    learning = [weight for weight in whisper.network.parameters() if weight.requires_grad]
    averages = [weight.detach().clone() for weight in learning]
    optimizer = torch.optim.AdamW(learning, fused=True)
    batch = batch_of(whisper, shape)
    with LiveBytes() as count:
        for weight in [*whisper.network.parameters(), *averages]:
            count.add(weight)
        for _ in range(2):
            for _ in range(2):
                count.restart()
                forward(whisper, batch, run).backward()
            optimizer.step()
            optimizer.zero_grad()
    parts = memory(whisper.network.config, run, shape)
    assert count.most == pytest.approx(sum(parts.values()), rel=0.02 if run.half else 0.07)


def test_the_published_sizes_have_their_number_of_weights():
    for size, millions in (("base", 72.6), ("small", 241.7), ("medium", 763.9)):
        found = sum(num_weights(config_of(size)).values())
        assert found / 1e6 == pytest.approx(millions, abs=0.1), size
    assert list(SIZES) == ["tiny", "base", "small", "medium", "large"]


def test_the_recipe_for_children_fits_8_gb_with_clips_of_30_s():
    recipe = read_yaml(ROOT / "recipes" / "children.yaml")
    run = Run(
        recipe["train.tune"],
        recipe["train.precision"] != "fp32",
        recipe["train.gradient_checkpointing"],
        read_yaml(ROOT / "params.yaml")["whisper"]["train"]["freeze_embedding"],
    )
    clips, seconds = recipe["train.max_batch_clips"], 30
    assert recipe["train.batch_seconds"] == clips * seconds
    shape = equal_clips(clips, seconds, 4 * seconds + 1)
    total = sum(memory(config_of(recipe["model.name"]), run, shape).values()) + CUDA
    assert total < 8e9
    assert sum(memory(config_of("small"), replace(run, checkpointing=False), shape).values()) > 8e9
