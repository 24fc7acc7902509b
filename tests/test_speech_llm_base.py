# python -m pytest tests/test_speech_llm_base.py
"""Join an encoder and a language model of every format; refuse what is neither."""

import json
import shutil
import struct
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from ctranslate2.converters import TransformersConverter
from safetensors.torch import load_file, save_file
from transformers import (
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    WhisperForConditionalGeneration,
)

from asr.core.errors import InputError
from asr.core.params import load_block
from asr.families.protocols import family_module
from asr.families.speech_llm.base.encoder import read_encoder
from asr.families.speech_llm.base.language_model import read_language_model
from asr.families.speech_llm.model.model import PROJECTOR
from asr.families.speech_llm.tokens.description import Joint
from asr.families.whisper.base.base import write_base as write_whisper
from asr.sources.weights import fetch_block
from tests.tiny_families import ROOT, SPEECH_LLM

pytestmark = pytest.mark.integration  # they import torch and transformers


@pytest.fixture(scope="module")
def base(made_once):
    folder = made_once("tiny-speech_llm", lambda new: SPEECH_LLM.write_base(new / "base"))
    return folder / "base"


@pytest.fixture
def language_model(base, tmp_path):
    return Path(shutil.copytree(base / "language_model", tmp_path / "language_model"))


def test_the_same_block_gives_the_same_bytes(base, tmp_path):
    SPEECH_LLM.write_base(tmp_path / "base")
    files = [path for path in base.rglob("*") if path.is_file()]
    assert len(files) == 9
    for path in files:
        again = tmp_path / "base" / path.relative_to(base)
        assert again.read_bytes() == path.read_bytes(), path


@pytest.fixture(scope="module")
def whisper(tmp_path_factory):
    """A tiny Whisper as a transformers folder."""
    folder = tmp_path_factory.mktemp("whisper")
    sizes = {"d_model": 8, "encoder_layers": 1, "decoder_layers": 1, "num_heads": 2}
    (folder / "random").mkdir()
    (folder / "random/random.json").write_text(json.dumps({"config": sizes, "seed": 1}))
    (folder / "model").mkdir()
    write_whisper(folder / "random", folder / "model")
    return folder / "model"


def test_the_encoder_of_a_whisper_is_read_from_either_format(whisper, tmp_path):
    converter = TransformersConverter(str(whisper), copy_files=["tokenizer.json"])
    converter.convert(str(tmp_path / "ct2"), quantization="float32")
    expected = WhisperForConditionalGeneration.from_pretrained(whisper).model.encoder.state_dict()
    for folder in (whisper, tmp_path / "ct2"):
        found = read_encoder(folder).state_dict()
        assert found.keys() == expected.keys()
        for name, weight in expected.items():
            torch.testing.assert_close(found[name], weight, rtol=1e-6, atol=1e-7, msg=name)


def dequantized(packed: bytes, shape: tuple[int, int]) -> np.ndarray:
    """Q4_1 by its definition in ggml: 32 values d * q + m, with q in 4 bits, low halves first."""
    values = []
    for start in range(0, len(packed), 20):
        scale, least = struct.unpack("<ee", packed[start : start + 4])
        halves = packed[start + 4 : start + 20]
        quants = [byte & 15 for byte in halves] + [byte >> 4 for byte in halves]
        values += [np.float32(scale) * quant + np.float32(least) for quant in quants]
    return np.array(values, np.float32).reshape(shape)


def write_gguf(language_model: Path, path: Path) -> dict[str, np.ndarray]:
    """Quantize a Llama to Q4_1 as llama.cpp stores it; returns what its matrices become."""
    model = LlamaForCausalLM.from_pretrained(language_model)
    config, words = model.config, AutoTokenizer.from_pretrained(language_model)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_attention_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(config.vocab_size)
    tokens = sorted(words.get_vocab(), key=words.get_vocab().get)
    tokens[255] = "ab"  # in place of a rare byte: a list of no merges is none in GGUF
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token.startswith("<|") else 1 for token in tokens])
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(config.bos_token_id)
    writer.add_eos_token_id(config.eos_token_id)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    expected = {}
    for name, weight in model.state_dict().items():
        if name == "lm_head.weight":  # the embedding
            continue
        there = names.get_name(name, try_suffixes=(".weight",))
        array = weight.numpy()
        if array.ndim == 1:
            writer.add_tensor(there, array)
            continue
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            array = interleaved(array, config.num_attention_heads)
        packed = gguf.quants.quantize(array, gguf.GGMLQuantizationType.Q4_1)
        writer.add_tensor(there, packed, raw_dtype=gguf.GGMLQuantizationType.Q4_1)
        expected[name] = dequantized(packed.tobytes(), array.shape)
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            expected[name] = halved(expected[name], config.num_attention_heads)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return expected


def interleaved(array: np.ndarray, num_heads: int) -> np.ndarray:
    """llama.cpp rotates neighbouring rows, transformers rows half a head apart."""
    halves = array.reshape(num_heads, 2, -1, array.shape[1])
    return halves.swapaxes(1, 2).reshape(array.shape)


def halved(array: np.ndarray, num_heads: int) -> np.ndarray:
    pairs = array.reshape(num_heads, -1, 2, array.shape[1])
    return pairs.swapaxes(1, 2).reshape(array.shape)


def test_a_gguf_file_becomes_the_weights_that_its_format_means(language_model, tmp_path):
    (tmp_path / "gguf").mkdir()
    expected = write_gguf(language_model, tmp_path / "gguf" / "tiny.gguf")
    model, tokenizer = read_language_model(tmp_path / "gguf")
    found = model.state_dict()
    assert len(expected) == 15  # seven matrices in each of two layers, and the embedding
    for name, weight in expected.items():
        np.testing.assert_allclose(found[name].numpy(), weight, rtol=0, atol=1e-7, err_msg=name)
    assert found["lm_head.weight"] is not None
    model.save_pretrained(tmp_path / "saved")
    saved = json.loads((tmp_path / "saved/config.json").read_text())
    assert saved["dtype"] == "float32" and "quantization_config" not in saved
    assert tokenizer.backend_tokenizer.encode("<|im_end|>", add_special_tokens=False).ids == [258]


def edit(path: Path, **values: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def refused(folder: Path) -> str:
    with pytest.raises(InputError) as error:
        read_language_model(folder)
    return str(error.value)


def test_another_kind_of_model_is_refused(language_model, whisper):
    edit(language_model / "config.json", model_type="bert")
    expected = "model_type: expected 'llama' or 'qwen2' or 'qwen3', got"
    assert f"{expected} 'bert'" in refused(language_model)
    assert f"{expected} 'whisper'" in refused(whisper)
    with pytest.raises(InputError, match=r"expected 'whisper', got 'bert'"):
        read_encoder(language_model)


def test_pickles_are_refused(language_model):
    (language_model / "model.safetensors").rename(language_model / "pytorch_model.bin")
    assert "expected weights as .safetensors" in refused(language_model)
    assert "pickles" in refused(language_model)


def test_a_download_that_broke_off_is_refused_by_the_missing_file(language_model):
    names = {"model.norm.weight": "model-00002-of-00002.safetensors"}
    (language_model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    assert "without ['model-00002-of-00002.safetensors']" in refused(language_model)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("config.json", [], "config.json: expected a JSON object, got []"),
        ("model.safetensors.index.json", {"weight_map": ["a"]}, "weight_map: expected files by"),
    ],
)
def test_json_of_another_form_is_refused(language_model, file, content, message):
    (language_model / file).write_text(json.dumps(content))
    assert message in refused(language_model)


def test_a_cut_off_file_and_a_missing_weight_are_refused(language_model):
    path = language_model / "model.safetensors"
    whole = load_file(path)
    del whole["model.norm.weight"]
    save_file(whole, path, metadata={"format": "pt"})
    assert "missing_keys ['model.norm.weight']" in refused(language_model)
    path.write_bytes(path.read_bytes()[:1000])
    assert "transformers can't load it" in refused(language_model)


def test_a_tokenizer_without_the_chat_form_is_refused(language_model):
    path = language_model / "tokenizer.json"
    path.write_text(path.read_text().replace("<|im_start|>", "<s>"))
    edit(language_model / "tokenizer_config.json", bos_token="<s>")
    assert "expected the chat tokens <|im_start|> and <|im_end|>" in refused(language_model)
    path.unlink()
    assert "tokenizer" in refused(language_model)


def test_a_tokenizer_larger_than_the_embedding_is_refused(language_model):
    config = LlamaConfig.from_pretrained(language_model)
    config.vocab_size, config.pad_token_id = 100, None
    LlamaForCausalLM(config).save_pretrained(language_model)
    assert "tokenizer: expected at most the 100 tokens of the weights, got 259" in refused(
        language_model
    )


def test_two_gguf_files_and_an_empty_folder_are_refused(tmp_path):
    assert "expected config.json, got []" in refused(tmp_path)
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / name).touch()
    assert "expected one .gguf, got ['a.gguf', 'b.gguf']" in refused(tmp_path)


def test_a_learned_projector_goes_on_in_another_base(base, tmp_path):
    learned = Path(shutil.copytree(base, tmp_path / "learned"))
    weights = {name: weight + 1 for name, weight in load_file(learned / PROJECTOR).items()}
    save_file(weights, learned / PROJECTOR)
    role = family_module("speech_llm", "base")
    block = load_block(ROOT / "conf/models.yaml", ("speech_llm", "tiny"), role.Block)
    sources = fetch_block(block, tmp_path)
    for stack in (5, 4):
        (tmp_path / f"out{stack}").mkdir()
    role.bring_base(block, sources | {"projector": learned}, tmp_path / "out5")
    written = load_file(tmp_path / "out5" / PROJECTOR)
    assert {name: weight.tolist() for name, weight in written.items()} == {
        name: weight.tolist() for name, weight in weights.items()
    }
    other = block.model_copy(update={"stack": 4})
    with pytest.raises(InputError, match=r"learned: expected .*stack=4.* as in the block, got"):
        role.bring_base(other, sources | {"projector": learned}, tmp_path / "out4")


def test_the_encoder_of_a_tuned_model_is_one_for_the_next(base):
    found = read_encoder(base / "encoder").state_dict()
    for name, weight in load_file(base / "encoder/model.safetensors").items():
        assert torch.equal(found[name], weight), name


def test_a_language_model_with_too_few_positions_is_refused(base, language_model, tmp_path):
    edit(language_model / "config.json", max_position_embeddings=300)
    role = family_module("speech_llm", "base")
    block = load_block(ROOT / "conf/models.yaml", ("speech_llm", "tiny"), role.Block)
    weights = {"encoder": base / "encoder", "language_model": language_model}
    expected = "max_position_embeddings: expected room for a prompt and a clip of 30 s, got 300"
    with pytest.raises(InputError, match=expected):
        role.bring_base(block, weights, tmp_path / "out")


@pytest.mark.parametrize(
    ("read", "config", "message"),
    [
        (read_encoder, {"d_model": 10, "num_heads": 3}, "a divisor of d_model 10, got 3"),
        (read_encoder, {"d_model": 5, "num_heads": 1}, "a multiple of 2, got 5"),
        (read_language_model, {"width": 6, "num_heads": 2}, "half the width 6, got 2"),
    ],
)
def test_random_parts_of_wrong_sizes_are_refused(tmp_path, read, config, message):
    (tmp_path / "random.json").write_text(json.dumps({"config": config | {"layers": 1}, "seed": 1}))
    with pytest.raises(InputError, match=message):
        read(tmp_path)


def test_a_stack_longer_than_the_shortest_clip_is_refused():
    assert Joint(stack=20, width=1, margin_s=0)
    with pytest.raises(ValueError, match="stack"):
        Joint(stack=21, width=1, margin_s=0)
