"""The cache of encoder outputs: whole or not there, shared, bounded; and the loss it gives."""

import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from asr.core.errors import InputError
from asr.core.params import load_family_params, load_params
from asr.families.whisper.training.loss import loss_batch
from asr.families.whisper.training.params import WhisperTrainParams
from asr.families.whisper.training.trainee import WhisperTrainee
from asr.training.augmentation.augment import Augmentation
from asr.training.augmentation.examples import Example, Piece
from asr.training.collate import collator
from asr.training.encoder_cache import FILE, encoder_cache
from asr.training.params import JoinParams, SpeedChangeParams, TrainParams
from asr.training.plan import TrainingBatch
from tests.examples import utterance
from tests.tiny_whisper import write_transformers
from tests.train_tiny import ROOT, noise

LENGTHS = [2, 3, 2]  # positions of three clips, each two numbers wide


@pytest.fixture(autouse=True)
def dvc_root(tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return tmp_path / ".dvc" / "tmp" / "cache"


def encode(clips):
    """Each clip's number, everywhere."""
    return np.stack([np.full((LENGTHS[clip], 2), clip, np.float32) for clip in clips])


def test_each_clip_has_its_own_output_and_like_lengths_are_encoded_together():
    asked = []

    def noting(clips):
        asked.append(clips)
        return encode(clips)

    for _ in range(2):  # the second time nothing is computed
        with encoder_cache("k", LENGTHS, 2, noting, batch_positions=99) as outputs:
            assert [outputs[i].tolist() for i in range(3)] == [
                [[0, 0]] * 2, [[1, 1]] * 3, [[2, 2]] * 2
            ]  # fmt: skip
    assert asked == [[0, 2], [1]]


def test_a_batch_has_no_more_positions_than_asked_for_or_one_clip():
    asked = []
    with encoder_cache("k", LENGTHS, 2, lambda c: asked.append(c) or encode(c), 3):
        assert asked == [[0], [2], [1]]


@pytest.mark.integration
def test_who_is_killed_while_writing_begins_anew_and_leaves_nothing(dvc_root):
    dying = (
        "import os, signal\n"
        "from asr.training.encoder_cache import encoder_cache\n"
        "with encoder_cache('k', [2], 2, lambda c: os.kill(os.getpid(), signal.SIGKILL), 9): pass"
    )
    assert subprocess.run([sys.executable, "-c", dying], check=False).returncode == -signal.SIGKILL
    assert [path.suffix for path in (dvc_root / "encoder-k").glob(".*")] == [".partial"]
    with encoder_cache("k", LENGTHS, 2, encode, 9) as outputs:
        assert outputs[1].tolist() == [[1, 1]] * 3
    assert sorted(path.name for path in (dvc_root / "encoder-k").iterdir()) == ["lock", FILE]


ONE_OF_TWO = """
import sys, time
import numpy as np
from pathlib import Path
from asr.training.encoder_cache import encoder_cache
def encode(clips):
    with Path(sys.argv[1]).open("a") as log:
        log.write(f"{clips}\\n")
    time.sleep(0.3)
    return np.stack([np.full((2, 2), clip, np.float32) for clip in clips])
with encoder_cache("k", [2] * 4, 2, encode, batch_positions=4) as outputs:
    print([float(outputs[i][0, 0]) for i in range(4)])
    inside = Path(sys.argv[1]).parent
    (inside / f"{sys.argv[2]}.inside").touch()
    while len(list(inside.glob("*.inside"))) < 2:  # each waits for the other one
        time.sleep(0.05)
"""


@pytest.mark.integration
def test_two_experiments_at_once_encode_each_clip_once_and_read_the_same(tmp_path):
    command = [sys.executable, "-c", ONE_OF_TWO, str(tmp_path / "log")]
    both = [subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True) for name in "ab"]
    try:
        read = [one.communicate(timeout=60)[0] for one in both]
    finally:
        for one in both:
            one.kill()
    assert read == ["[0.0, 1.0, 2.0, 3.0]\n"] * 2
    assert (tmp_path / "log").read_text() == "[0, 1]\n[2, 3]\n"


def test_a_cache_of_another_version_is_left_alone_and_one_cut_off_is_said(dvc_root, capsys):
    with encoder_cache("of-old-code", LENGTHS, 2, lambda clips: encode(clips) + 9, 9):
        with encoder_cache("of-new-code", LENGTHS, 2, encode, 9) as outputs:
            assert outputs[1].tolist() == [[1, 1]] * 3
        file = dvc_root / "encoder-of-new-code" / FILE
        file.write_bytes(file.read_bytes()[:-4])
        with encoder_cache("of-new-code", LENGTHS, 2, encode, 9) as outputs:
            assert outputs[2].tolist() == [[2, 2]] * 2
    assert f"{file}: expected 28 bytes, got 24: encoding all" in capsys.readouterr().out


def test_outputs_in_use_stay_and_those_of_no_run_go(dvc_root):
    with encoder_cache("old", LENGTHS, 2, encode, 9):
        pass
    with encoder_cache("used", LENGTHS, 2, encode, 9):
        assert not (dvc_root / "encoder-old").exists()
        with encoder_cache("new", LENGTHS, 2, encode, 9) as outputs:
            assert (dvc_root / "encoder-used" / FILE).exists()
            assert outputs[2].tolist() == [[2, 2]] * 2


def test_more_than_the_disk_holds_is_refused():
    with pytest.raises(InputError, match=r"expected 4000000.0 GB of free disk for the encoder"):  # noqa: SIM117
        with encoder_cache("k", [10**15], 2, encode, 9):
            pass


def unchanging():
    as_spoken = {
        "tune": "frozen_encoder",
        "join": JoinParams(share=0.0, max_s=1.0, max_pause_s=0.0),
        "speed_change": SpeedChangeParams(most=0.0),
    }  # fmt: skip
    return load_params("train", TrainParams, ROOT / "params.yaml").model_copy(update=as_spoken)


@pytest.fixture
def trainee(tmp_path):
    write_transformers(tmp_path / "tiny")
    own = load_family_params("whisper", "train", WhisperTrainParams, ROOT / "params.yaml")
    caching = own.model_copy(
        update={
            "cache_encoder": True, "margin_s": 0.1, "token_dropout": 0.0, "subword_dropout": 0.0,
        }
    )  # fmt: skip
    return WhisperTrainee(tmp_path / "tiny", torch.device("cpu"), unchanging(), caching)


def test_the_loss_is_that_of_each_clip_heard_in_its_own_context(trainee, dvc_root):
    clips = [noise(1)[:8000], noise(2)[:3200], noise(3)[:8000]]
    durations = [0.5, 0.2, 0.5]
    said = [utterance(str(i), text="як", duration_s=s) for i, s in enumerate(durations)]
    whisper, loss = trainee.whisper, trainee.summed_loss
    trainee.network.eval()
    with torch.no_grad():
        live = sum(
            loss(loss_batch(whisper, [clip], [one], context))
            for clip, one, context in zip(clips, said, [0.64, 0.32, 0.64], strict=True)
        )
    examples = tuple(Example((Piece(i, 1.0, 0.0),), s, 1) for i, s in enumerate(durations))
    batch = TrainingBatch(examples, 0.64, zeros=False)
    unheard = Augmentation(unchanging().augment, ROOT / "conf/noise")
    written = []
    for _ in range(2):
        with (
            collator(trainee, clips, said, unchanging(), unheard) as collate,
            torch.no_grad(),
        ):
            cached = loss(collate(batch))
            torch.testing.assert_close(cached, live, rtol=2e-3, atol=0)
        (path,) = dvc_root.glob(f"*/{FILE}")
        written.append(path.read_bytes())
        path.unlink()
    assert written[0] == written[1]  # so a resumed run whose cache is gone ends in the same bits
