# python -m pytest tests/test_qwen3_asr_memory.py
"""The formula for memory against tensors, counted in three tiny sizes."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import Qwen3ASRConfig, Qwen3ASRForConditionalGeneration

from asr.families.qwen3_asr import training
from asr.families.qwen3_asr.base.random_weights import RandomConfig, byte_tokenizer, config_of
from asr.families.qwen3_asr.model.model import Qwen3Asr
from asr.families.qwen3_asr.model.windows import NAME, windows_of
from asr.families.qwen3_asr.tokens import Qwen3AsrTokens
from asr.families.qwen3_asr.training.loss import SummedLoss, loss_batch
from asr.families.qwen3_asr.training.tuning import make_trainable
from benchmarks.qwen3_asr_memory import (
    SIZES,
    TEXT,
    Run,
    Shape,
    activations,
    equal_clips,
    layer_bytes,
    memory,
    num_trained,
    num_weights,
)
from tests.examples import utterance
from tests.tiny_families import NO_MASKS, QWEN3_ASR

MODELS = {
    "a": {"audio_width": 64, "audio_layers": 2, "audio_heads": 2, "channels": 16, "width": 96,
          "layers": 3, "heads": 4, "vocab_size": 264},
    "b": {"audio_width": 32, "audio_layers": 3, "audio_heads": 4, "channels": 8, "width": 128,
          "layers": 2, "heads": 2, "vocab_size": 300},
    "c": {"audio_width": 96, "audio_layers": 1, "audio_heads": 3, "channels": 24, "width": 64,
          "layers": 4, "heads": 4, "vocab_size": 1000},
}  # fmt: skip
SECONDS, LETTERS = (9.3, 2.0, 1.4), 30
RUNS = [
    Run(tune, 8, bf16, checkpointing=False) for tune in ("full", "lora") for bf16 in (False, True)
]


def named(run):
    return f"{run.tune}-{'bf16' if run.bf16 else 'fp32'}"


def built(sizes, run):
    tokenizer = byte_tokenizer()
    config = config_of(RandomConfig(**sizes), tokenizer)
    network = Qwen3ASRForConditionalGeneration(config)
    network.model.audio_tower.set_attn_implementation(NAME)
    model = Qwen3Asr(network, Qwen3AsrTokens(tokenizer.backend_tokenizer, 9999), None)
    params = QWEN3_ASR.params(run.tune, gradient_checkpointing=run.checkpointing)
    params = params.model_copy(update={"lora": params.lora.model_copy(update={"rank": run.rank})})
    own = training.OwnParams(beside_adapter=[], projector_rate=1.0, audio_tower_rate=1.0)
    make_trainable(model, params, own)
    return model


def batch_of(model):
    rng = np.random.default_rng(1)
    clips = [rng.normal(0, 0.1, round(16_000 * s)).astype("float32") for s in SECONDS]
    them = [utterance(str(i), text="a" * LETTERS, language="ru") for i in range(len(clips))]
    return loss_batch(model, clips, them, math.ceil(max(SECONDS)), NO_MASKS, [1] * len(clips))


def shape_of(batch):
    lengths = batch.heard.num_tokens
    return Shape(
        num_chunks=len(lengths) * batch.heard.log_mel.shape[2] // 100,
        num_audio=sum(lengths),
        num_places=windows_of(lengths, 104, torch.device("cpu")).rows.numel(),
        num_tokens=batch.inputs.numel(),
        longest=batch.inputs.shape[1],
        num_targets=batch.num_targets,
    )


def saved_bytes(model, batch, bf16):
    """Bytes that autograd keeps for the backward pass, without the weights themselves."""
    seen = {weight.untyped_storage().data_ptr(): None for weight in model.network.parameters()}
    total = 0

    def pack(tensor):
        nonlocal total
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in seen:
            seen[storage.data_ptr()] = tensor  # kept, so that no other gets its address
            total += storage.nbytes()
        return tensor

    with (
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=bf16),
    ):
        SummedLoss(model)(batch)
    return total


@pytest.mark.parametrize(
    "run", RUNS, ids=lambda run: f"{run.tune}-{'bf16' if run.bf16 else 'fp32'}"
)
@pytest.mark.parametrize("sizes", MODELS.values(), ids=MODELS)
def test_activations_by_the_formula_are_what_autograd_keeps(sizes, run):
    model = built(sizes, run)
    batch = batch_of(model)
    expected = activations(model.network.config, run, shape_of(batch))
    assert saved_bytes(model, batch, run.bf16) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("tune", ["full", "lora"])
@pytest.mark.parametrize("sizes", MODELS.values(), ids=MODELS)
def test_weights_gradients_and_moments_are_what_an_optimizer_holds(sizes, tune):
    run = Run(tune, 8, bf16=False, checkpointing=False)
    model = built(sizes, run)
    batch, config = batch_of(model), model.network.config
    learning = [weight for weight in model.network.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(learning)
    SummedLoss(model)(batch).backward()
    optimizer.step()
    size = lambda tensors: sum(one.numel() * one.element_size() for one in tensors)  # noqa: E731
    parts = memory(config, run, shape_of(batch))
    assert size(model.network.parameters()) == parts["weights"]
    assert size(weight.grad for weight in learning) == parts["gradients"]
    moments = [s[k] for s in optimizer.state.values() for k in ("exp_avg", "exp_avg_sq")]
    assert size(moments) == parts["moments"]


@pytest.mark.parametrize("run", RUNS, ids=named)
def test_with_checkpointing_only_the_layers_inputs_are_kept(run):
    run = replace(run, checkpointing=True)
    model = built(MODELS["a"], run)
    batch = batch_of(model)
    config, shape = model.network.config, shape_of(batch)
    expected = activations(config, run, shape)
    assert saved_bytes(model, batch, run.bf16) == pytest.approx(expected, rel=0.05)
    assert memory(config, run, shape)["activations"] == expected + layer_bytes(config, run, shape)


def test_the_real_sizes_have_their_published_number_of_weights():
    for size, billions in (("0.6b", 0.78), ("1.7b", 2.04)):
        config = Qwen3ASRConfig(
            audio_config=SIZES[size]["audio_config"], text_config=TEXT | SIZES[size]["text_config"]
        )
        assert sum(num_weights(config).values()) / 1e9 == pytest.approx(billions, rel=0.01)
        lora = Run("lora", 16, bf16=True, checkpointing=False)
        assert num_trained(config, lora) / sum(num_weights(config).values()) < 0.015
    assert equal_clips(2, 10, 41).num_tokens == 2 * (20 + 130 + 41)
