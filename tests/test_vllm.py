# python -m pytest tests/test_vllm.py
"""What vLLM needs of a package's folder, by its source; vLLM itself pins other packages than ours.

As of vLLM 0.33.0: the registry in ``vllm/model_executor/models/registry.py``, the names of weights
in ``WeightsMapper`` and the processors in ``whisper.py`` and ``qwen3_asr.py`` beside it.
"""

import pytest
from safetensors import safe_open

from asr.core.files import read_json
from asr.export.formats import Source
from asr.export.write import write_exports
from asr.families.protocols import family_module
from asr.packages.usage import usages
from tests.tiny_families import CTC, QWEN3_ASR, WHISPER

REGISTRY = {"whisper": "WhisperForConditionalGeneration",
            "qwen3_asr": "Qwen3ASRForConditionalGeneration"}  # fmt: skip
FILES = {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json",
         "tokenizer_config.json", "processor_config.json"}  # fmt: skip
# vLLM reads a prompt from Qwen3-ASR's template, and Whisper's features from their own file.
MORE_FILES = {"whisper": {"preprocessor_config.json"}, "qwen3_asr": {"chat_template.jinja"}}
# The beginnings of names that its loaders know.
WEIGHTS = {
    "whisper": ("model.encoder.", "model.decoder."),
    "qwen3_asr": ("model.audio_tower.", "model.language_model.",
                  "model.multi_modal_projector.linear_1.", "model.multi_modal_projector.linear_2."),
}  # fmt: skip


def export(tiny, model, base, out):
    formats = family_module(tiny.family, "export").formats()
    write_exports(tiny.family, formats, ["transformers"], Source(model, base, ("be",)), out)
    return out / "transformers"


def check(family, folder):
    config = read_json(folder / "config.json")
    assert config["architectures"] == [REGISTRY[family]]
    assert config["model_type"] == family
    assert {path.name for path in folder.iterdir()} >= FILES | MORE_FILES[family]
    with safe_open(folder / "model.safetensors", "np") as weights:
        names = list(weights.keys())
    assert names
    assert [name for name in names if not name.startswith(WEIGHTS[family])] == []
    assert [name for name in names if "lora" in name or "base_layer" in name] == []


@pytest.mark.integration
@pytest.mark.parametrize("tiny", [WHISPER, QWEN3_ASR], ids=lambda one: one.family)
def test_the_folder_has_the_files_and_names_that_vllm_reads(tiny, tmp_path):
    from transformers import AutoConfig, AutoProcessor

    tiny.write_base(tmp_path / "base")
    folder = export(tiny, tmp_path / "base", tmp_path / "base", tmp_path / "export")
    check(tiny.family, folder)
    assert AutoConfig.from_pretrained(folder).model_type == tiny.family
    processor = AutoProcessor.from_pretrained(folder)
    assert processor.feature_extractor.sampling_rate == 16_000
    if tiny is WHISPER:  # the tokens of vLLM's prompt
        prompt = "<|startoftranscript|><|be|><|transcribe|><|notimestamps|>"
        assert len(processor.tokenizer(prompt, add_special_tokens=False).input_ids) == 4


@pytest.mark.slow
@pytest.mark.parametrize("tiny", [WHISPER, QWEN3_ASR], ids=lambda one: one.family)
def test_no_adapter_is_left_unmerged(tiny, tmp_path):
    from transformers import AutoModelForSpeechSeq2Seq, Qwen3ASRForConditionalGeneration

    tiny.write_base(tmp_path / "base")
    trainee = tiny.trainee(tmp_path / "base", tune="lora")
    (tmp_path / "tuned").mkdir()
    trainee.save(tmp_path / "tuned")
    folder = export(tiny, tmp_path / "tuned", tmp_path / "base", tmp_path / "export")
    check(tiny.family, folder)
    loads = AutoModelForSpeechSeq2Seq if tiny is WHISPER else Qwen3ASRForConditionalGeneration
    _, found = loads.from_pretrained(folder, output_loading_info=True)
    assert not found["unexpected_keys"]
    assert not found["mismatched_keys"]


def test_a_card_names_vllm_for_the_families_that_it_serves_alone():
    manifest = {"name": "mine", "version": "1.0.0", "exports": {"formats": ["transformers"]},
                "data": {"train": {"languages": {"be": 3}}}, "base": {"weights": {}}}  # fmt: skip
    tools = {family: [one.tool for one in usages({**manifest, "family": family})]
             for family in ("whisper", "qwen3_asr", CTC.family, "speech_llm")}  # fmt: skip
    assert {family for family, names in tools.items() if "vLLM" in names} == REGISTRY.keys()
