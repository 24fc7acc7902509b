# python -m pytest tests/test_qwen3_asr_speech.py    (fifteen seconds)
"""The tiny Qwen3-ASR learns 16 real clips by heart; then it hears a minute of them joined."""

import numpy as np
import pytest
import torch

from asr.training.update import trainable
from tests.examples import utterance
from tests.starter import starter_clips
from tests.test_qwen3_asr import engine
from tests.tiny_families import QWEN3_ASR

pytestmark = pytest.mark.integration
MOST_STEPS, LR = 240, 5e-3


@pytest.fixture(scope="module")
def clips(starter):
    """The 16 shortest of 60 Bulgarian recordings, 10 s of speech."""
    pairs = sorted(starter_clips(starter, "bg", 60), key=lambda pair: len(pair[1]))[:16]
    return [(utterance(str(i), text=one.text, duration_s=len(waveform) / 16_000, language="bg"),
             waveform) for i, (one, waveform) in enumerate(pairs)]  # fmt: skip


def texts(reader, clips):
    them, waveforms = zip(*clips, strict=True)
    return [one.text for one in reader.transcribe(waveforms, them, 1.0, [60] * len(clips))]


@pytest.fixture(scope="module")
def tuned(clips, made_once, tmp_path_factory):
    base = made_once("tiny-qwen3_asr", lambda at: QWEN3_ASR.write_base(at / "base")) / "base"
    torch.manual_seed(1)
    trainee = QWEN3_ASR.trainee(base)
    weights = list(trainable(trainee.network).values())
    optimizer = torch.optim.AdamW(weights, lr=LR, weight_decay=0.0)
    them, waveforms = zip(*clips, strict=True)
    batch = trainee.batch(waveforms, them, 1.0, [1] * 16, zeros=False)
    for step in range(MOST_STEPS):
        optimizer.param_groups[0]["lr"] = LR * min(1.0, (step + 1) / 10, 2 - 2 * step / MOST_STEPS)
        loss = trainee.summed_loss(batch) / batch.num_targets
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        if step % 20 == 19:
            trainee.network.eval()
            if texts(trainee, clips) == [one.text for one in them]:
                break
            trainee.network.train()
    folder = tmp_path_factory.mktemp("tuned")
    trainee.save(folder)
    return folder


def test_it_learns_sixteen_clips_to_exact_texts_and_keeps_them_in_the_saved_folder(tuned, clips):
    assert max(len(waveform) for _, waveform in clips) <= 16_000
    assert texts(engine(tuned), clips) == [one.text for one, _ in clips]


def test_a_minute_of_joined_speech_ends_in_no_loop(tuned, clips):
    """Audio so long that the model never heard the like makes it repeat itself."""
    joined = np.concatenate([waveform for _, waveform in clips] * 9)[: 60 * 16_000]
    them, budget = [utterance("joined", duration_s=60.0, language="bg")], 1500
    (plain,) = engine(tuned).transcribe([joined], them, 60.0, [budget])
    (guarded,) = engine(tuned, 8).transcribe([joined], them, 60.0, [budget])
    assert plain.num_tokens <= budget
    assert guarded.num_tokens <= plain.num_tokens
    if guarded.runaway:
        assert guarded.num_tokens < budget
        assert plain.text.startswith(guarded.text.rstrip("�"))
    else:
        assert guarded == plain
