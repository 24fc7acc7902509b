# python -m pytest tests/test_exports_of_families.py
"""What the other families export at tiny size, and the adapter of LoRA found in merged weights."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from asr.core.files import read_json
from asr.core.params import load_params
from asr.decoding.params import DecodeParams
from asr.devices.params import MachineParams
from asr.export.formats import Source
from asr.export.transcripts import our_texts, their_texts
from asr.export.write import write_exports
from asr.families.protocols import family_module
from tests.tiny_families import CLIPS, CTC, QWEN3_ASR, SPEECH_LLM, WHISPER, utterances

pytestmark = pytest.mark.slow  # a minute: training's imports, and each model in its own runtime

ROOT = Path(__file__).parents[1]
ALONE = MachineParams(device="cpu", num_threads=1, num_processes=1, shard_weights=False)
FORMATS = ["transformers", "ctranslate2_int8", "adapter"]


def exports(family, model, base, out):
    formats = family_module(family, "export").formats()
    write_exports(family, formats, FORMATS, Source(model, base, ("be",)), out)
    return read_json(out / "export.json")


def both_texts(family, model, folder, monkeypatch):
    monkeypatch.chdir(ROOT)
    decode = load_params("decode", DecodeParams)
    ones = utterances("be")
    ours = our_texts(family, model, CLIPS, ones, ALONE, decode)
    read = family_module(family, "export").formats()["transformers"].open(model, folder, 1)
    return ours, their_texts(read, CLIPS, ones, decode)


def with_letters(folder):
    """A CTC model whose head knows the letters of the texts."""
    trainee = CTC.trainee(folder)
    torch.manual_seed(1)
    head = getattr(trainee.model.network, trainee.model.head_name)
    with torch.no_grad():
        head.weight.normal_()
    (folder.parent / "tuned").mkdir()
    trainee.save(folder.parent / "tuned")
    return folder.parent / "tuned"


@pytest.mark.parametrize("name", ["tiny_wav2vec2", "tiny_hubert", "tiny_w2v_bert", "tiny_parakeet"])
def test_a_ctc_model_of_transformers_says_the_same_in_its_pipeline(name, tmp_path, monkeypatch):
    family = CTC.__class__(**{**vars(CTC), "name": name})
    family.write_base(tmp_path / "base")
    tuned = with_letters(tmp_path / "base")
    index = exports("ctc", tuned, tmp_path / "base", tmp_path / "export")
    assert list(index["formats"]) == ["transformers"]
    ours, theirs = both_texts("ctc", tuned, tmp_path / "export/transformers", monkeypatch)
    assert any(ours)
    assert [" ".join(text.split()) for text in theirs] == ours


def test_qwen3_asr_says_the_same_in_transformers(tmp_path, monkeypatch):
    QWEN3_ASR.write_base(tmp_path / "base")
    trainee = QWEN3_ASR.trainee(tmp_path / "base")
    torch.manual_seed(1)
    with torch.no_grad():  # bytes, no special tokens
        trainee.network.lm_head.weight.normal_()[256:] = 0
    (tmp_path / "tuned").mkdir()
    trainee.save(tmp_path / "tuned")
    index = exports("qwen3_asr", tmp_path / "tuned", tmp_path / "base", tmp_path / "export")
    assert list(index["formats"]) == ["transformers"]
    folder = tmp_path / "export/transformers"
    ours, theirs = both_texts("qwen3_asr", tmp_path / "tuned", folder, monkeypatch)
    assert any(ours)
    assert sum(a == b.strip() for a, b in zip(ours, theirs, strict=True)) >= 3


def test_what_no_other_tool_reads_is_left_out(tmp_path):
    for tiny, reason in ((CTC, "no class .* CTC head"), (SPEECH_LLM, "no class .* projector")):
        base = tmp_path / tiny.family
        tiny.write_base(base)
        index = exports(tiny.family, base, base, tmp_path / f"{tiny.family}-export")
        assert index["formats"] == {}
        assert re.match(reason, index["left_out"]["transformers"])


@pytest.fixture
def lora(tmp_path):
    """A tiny Whisper and the same with a merged adapter of rank 16."""
    WHISPER.write_base(tmp_path / "base")
    trainee = WHISPER.trainee(tmp_path / "base", tune="lora")
    torch.manual_seed(1)
    for name, weight in trainee.network.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weight, std=0.02)
    (tmp_path / "tuned").mkdir()
    trainee.save(tmp_path / "tuned")
    return tmp_path


def test_base_and_adapter_in_peft_are_the_tuned_model(lora):
    from peft import PeftModel
    from transformers import WhisperForConditionalGeneration

    index = exports("whisper", lora / "tuned", lora / "base", lora / "export")
    assert {"adapter", "transformers"} <= index["formats"].keys()
    assert read_json(lora / "export/adapter/adapter_config.json")["r"] == 16
    base = WhisperForConditionalGeneration.from_pretrained(lora / "base")
    merged = PeftModel.from_pretrained(base, lora / "export/adapter").merge_and_unload()
    tuned = load_file(lora / "tuned/model.safetensors")
    weights = {name: weight.numpy() for name, weight in merged.state_dict().items()}
    changed = load_file(lora / "base/model.safetensors")
    assert any(np.abs(tuned[name] - changed[name]).max() > 1e-3 for name in tuned)
    for name, weight in tuned.items():
        np.testing.assert_allclose(weights[name], weight, atol=1e-6, err_msg=name)


def test_a_model_that_was_tuned_in_full_has_no_adapter(lora):
    trainee = WHISPER.trainee(lora / "base")
    torch.manual_seed(1)
    with torch.no_grad():
        trainee.network.model.encoder.layers[1].fc2.weight.add_(torch.randn(64, 256))
    (lora / "full").mkdir()
    trainee.save(lora / "full")
    index = exports("whisper", lora / "full", lora / "base", lora / "export")
    reason = index["left_out"]["adapter"]
    assert reason.startswith("model.encoder.layers.1.fc2.weight was tuned in full")
