# python -m pytest tests/test_step_cost.py
"""Costs counted on tensors without values, against the same step with values."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from asr.planning.live_bytes import LiveBytes
from asr.planning.sized_model import SizedTrainee
from asr.planning.step_cost import BatchShape, count
from asr.planning.without_values import WithoutValues, remove_values
from tests.examples import tone, utterance
from tests.tiny_families import FAMILIES

each_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.family)


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    """The smallest model of each family."""
    folder = tmp_path_factory.mktemp("bases")
    for family in FAMILIES:
        family.write_base(folder / family.family)
    return {family.family: folder / family.family for family in FAMILIES}


def sized(family, base, **changes):
    trainee = family.trainee(base, **changes)
    mode = WithoutValues()
    remove_values(trainee.network, mode)
    return SizedTrainee(trainee, mode)


def batch_of(trainee, num_clips, seconds, text, language):
    """Clips of one length and one text."""
    clips = [tone(seconds) for _ in range(num_clips)]
    them = [utterance(str(n), text=text, duration_s=seconds, language=language)
            for n in range(num_clips)]  # fmt: skip
    context_s = trainee.seconds(seconds)
    tokens = trainee.num_labels(text, language)
    batch = trainee.batch(clips, them, context_s, None, zeros=False)
    return batch, BatchShape(num_clips, context_s, tokens, num_clips * (tokens + 1))


@each_family
@pytest.mark.parametrize("checkpointing", [False, True])
def test_a_step_without_values_costs_what_the_real_one_costs(bases, family, checkpointing):
    base, costs = bases[family.family], []
    for without in (False, True):
        trainee = family.trainee(base, gradient_checkpointing=checkpointing)
        batch, _ = batch_of(trainee, 3, 1.5, "бор два", family.language)
        if without:
            mode = WithoutValues()
            remove_values(trainee.network, mode)
            cost = count(SizedTrainee(trainee, mode), batch, "bf16", accumulated=False)
            costs.append((cost.flops, cost.peak_bytes))
            continue
        with LiveBytes() as live, FlopCounterMode(display=False) as flops:
            for tensor in [*trainee.network.parameters(), *trainee.network.buffers()]:
                live.add(tensor)
            before = live.live
            with torch.autocast("cpu", torch.bfloat16):
                loss = trainee.summed_loss(batch)
            loss.backward()
        costs.append((flops.get_total_flops(), live.most - before))
    (flops, peak), (own_flops, own_peak) = costs
    assert own_flops == flops
    assert own_peak == pytest.approx(peak, rel=0.01)
