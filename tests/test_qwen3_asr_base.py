# python -m pytest tests/test_qwen3_asr_base.py
"""Pretrained folders of a Qwen3-ASR: both forms of it, and what is wrong with others."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoProcessor, Qwen3ASRForConditionalGeneration

from asr.core.errors import InputError
from asr.core.files import read_json, write_json
from asr.families.qwen3_asr.base import Block
from asr.families.qwen3_asr.base.base import write_base
from asr.families.qwen3_asr.base.original import renamed
from asr.families.qwen3_asr.tokens import NEEDED, open_tokens
from asr.sources.weights import RANDOM
from tests.tiny_families import QWEN3_ASR
from tests.tiny_whisper import write_transformers

SPECIAL = set(NEEDED) - {"<asr_text>"}


@pytest.fixture(scope="module")
def tiny(made_once):
    return made_once("tiny-qwen3_asr", lambda at: QWEN3_ASR.write_base(at / "base")) / "base"


@pytest.fixture
def folder(tiny, tmp_path):
    """A copy of the tiny model, to be damaged."""
    return shutil.copytree(tiny, tmp_path / "given")


def written(folder, name="out"):
    out = folder.parent / name
    out.mkdir()
    write_base(folder, out)
    return out


def edit(path, **changes):
    write_json(path, read_json(path) | changes)


def old_name(name):
    """A weight's name in QwenLM's own form."""
    for now, before in (
        ("model.language_model.", "thinker.model."),
        ("lm_head.", "thinker.lm_head."),
        ("model.multi_modal_projector.linear_1.", "thinker.audio_tower.proj1."),
        ("model.multi_modal_projector.linear_2.", "thinker.audio_tower.proj2."),
        ("model.", "thinker."),
    ):
        if name.startswith(now):
            return before + name.removeprefix(now)
    raise AssertionError(name)


def to_original(folder):
    """Bring a folder into QwenLM's own form: renamed weights in two shards, nested config, slow
    tokenizer files, a template without the assistant's turns."""
    tensors = load_file(folder / "model.safetensors")
    tensors["lm_head.weight"] = tensors["model.language_model.embed_tokens.weight"].clone()
    old = {old_name(name): tensor for name, tensor in tensors.items()}
    names, shards = sorted(old), {}
    for number, start in enumerate((0, len(names) // 2), start=1):
        chosen = names[start:] if start else names[: len(names) // 2]
        shard = f"model-0000{number}-of-00002.safetensors"
        save_file({name: old[name] for name in chosen}, folder / shard)
        shards |= dict.fromkeys(chosen, shard)
    write_json(folder / "model.safetensors.index.json", {"weight_map": shards})
    (folder / "model.safetensors").unlink()
    config = read_json(folder / "config.json")
    audio, text = config["audio_config"], config["text_config"]
    rope = text.pop("rope_parameters")
    thinker = {
        "audio_config": audio | {"max_source_positions": 1500, "conv_chunksize": 500},
        "text_config": text
        | {"rope_theta": rope["rope_theta"], "num_experts": 128, "model_type": "qwen3_asr_text"}
        | {"rope_scaling": {"mrope_interleaved": True, "mrope_section": [24, 20, 20]}},
        "audio_token_id": config["audio_token_id"],
    }
    write_json(
        folder / "config.json",
        {"model_type": "qwen3_asr", "architectures": ["Qwen3ASRForConditionalGeneration"],
         "thinker_config": thinker, "support_languages": ["Chinese"]},
    )  # fmt: skip
    tokenizer = read_json(folder / "tokenizer.json")
    write_json(folder / "vocab.json", tokenizer["model"]["vocab"])
    (folder / "merges.txt").write_text("#version: 0.2\n")
    added = {str(one.pop("id")): one for one in tokenizer["added_tokens"]}
    write_json(
        folder / "tokenizer_config.json",
        {"added_tokens_decoder": added, "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>",
         "tokenizer_class": "Qwen2Tokenizer", "additional_special_tokens": sorted(SPECIAL)},
    )  # fmt: skip
    for name in ("tokenizer.json", "processor_config.json", "chat_template.jinja"):
        (folder / name).unlink()
    write_json(
        folder / "preprocessor_config.json",
        {"feature_extractor_type": "WhisperFeatureExtractor", "feature_size": 128,
         "hop_length": 160, "n_fft": 400, "sampling_rate": 16000},
    )  # fmt: skip
    write_json(folder / "chat_template.json", {"chat_template": "{{ messages }}"})


def test_the_same_weights_give_the_same_bytes(tiny, folder):
    once, again = written(folder), written(folder, "again")
    assert {path.name for path in once.iterdir()} == {path.name for path in tiny.iterdir()}
    for path in once.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes(), path.name
        if path.name != "tokenizer_config.json":  # read again, it names some tokens twice
            assert (tiny / path.name).read_bytes() == path.read_bytes(), path.name


def test_qwenlms_own_form_becomes_the_same_model(tiny, folder):
    to_original(folder)
    out = written(folder)
    ours, theirs = (load_file(one / "model.safetensors") for one in (out, tiny))
    assert ours.keys() == theirs.keys()
    assert not [name for name in ours if not torch.equal(ours[name], theirs[name])]
    for name in ("config.json", "generation_config.json", "chat_template.jinja"):
        assert read(out / name) == read(tiny / name), name
    assert AutoProcessor.from_pretrained(out).audio_token_id == open_tokens(tiny).id(
        "<|audio_pad|>"
    )
    for language in ("ru", "he"):
        assert open_tokens(out).prompt(language, 3) == open_tokens(tiny).prompt(language, 3)
    assert open_tokens(out).transcript("Добры дзень 5!") == open_tokens(tiny).transcript(
        "Добры дзень 5!"
    )


def read(path):
    return read_json(path) if path.suffix == ".json" else path.read_text()


def test_a_processor_that_is_missing_follows_from_the_model(tiny, folder):
    for name in ("processor_config.json", "chat_template.jinja", "generation_config.json"):
        (folder / name).unlink()
    out = written(folder)
    for name in ("processor_config.json", "chat_template.jinja", "generation_config.json"):
        assert read(out / name) == read(tiny / name), name


def test_names_of_weights_in_both_forms():
    for name in (
        "model.language_model.layers.0.self_attn.q_norm.weight",
        "model.audio_tower.conv2d1.bias",
        "model.multi_modal_projector.linear_2.bias",
        "lm_head.weight",
    ):
        assert renamed(old_name(name)) == name
        assert renamed(name) == name


def test_a_head_of_its_own_stays_one(folder):
    tensors = load_file(folder / "model.safetensors")
    tensors["lm_head.weight"] = tensors["model.language_model.embed_tokens.weight"] + 1
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    out = written(folder)
    assert read_json(out / "config.json")["tie_word_embeddings"] is False
    network = Qwen3ASRForConditionalGeneration.from_pretrained(out)
    assert torch.equal(network.lm_head.weight, tensors["lm_head.weight"])
    assert not torch.equal(network.get_input_embeddings().weight, network.lm_head.weight)


def damage_nothing_but(**steps):
    return pytest.mark.parametrize(("damage", "message"), steps.values(), ids=steps)


def remove(*names):
    def damage(folder):
        for name in names:
            (folder / name).unlink()

    return damage


def without_a_token(folder):
    path = folder / "tokenizer.json"
    content = read_json(path)
    content["added_tokens"] = [
        one for one in content["added_tokens"] if one["content"] != "<asr_text>"
    ]
    write_json(path, content)


def as_pickle(folder):
    torch.save({}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def cut_off(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def half_downloaded(folder):
    path = folder / "model.safetensors"
    path.rename(folder / "model.safetensors.incomplete")


def without_a_shard(folder):
    to_original(folder)
    (folder / "model-00002-of-00002.safetensors").unlink()


def without_a_map(folder):
    to_original(folder)
    write_json(folder / "model.safetensors.index.json", {"metadata": {}})


def out_of_the_folder(folder):
    to_original(folder)
    write_json(folder / "model.safetensors.index.json", {"weight_map": {"a": "../a.safetensors"}})


def without_a_weight(folder):
    tensors = load_file(folder / "model.safetensors")
    tensors["model.strange.weight"] = tensors.pop("model.audio_tower.ln_post.bias")
    save_file(tensors, folder / "model.safetensors")


def of_another_size(folder):
    tensors = load_file(folder / "model.safetensors")
    tensors["model.audio_tower.ln_post.bias"] = torch.zeros(3)
    save_file(tensors, folder / "model.safetensors")


def not_finite(folder):
    tensors = load_file(folder / "model.safetensors")
    tensors["model.audio_tower.ln_post.bias"][0] = torch.nan
    save_file(tensors, folder / "model.safetensors")


def fewer_rows(folder):
    config = read_json(folder / "config.json")
    config["text_config"]["vocab_size"] = 100
    write_json(folder / "config.json", config)


@damage_nothing_but(
    config=(remove("config.json"), r"given: expected config.json, got \["),
    another_kind=(
        lambda folder: edit(folder / "config.json", model_type="qwen3"),
        r"config.json: model_type: expected 'qwen3_asr', got 'qwen3'",
    ),
    aligner=(
        lambda folder: edit(
            folder / "config.json", architectures=["Qwen3ASRForTokenClassification"]
        ),
        r"config.json: expected a model that transcribes, got a forced aligner",
    ),
    tokenizer=(
        remove("tokenizer.json"),
        r"given: expected tokenizer.json, or vocab.json and merges.txt, got \[",
    ),
    both=(
        remove("tokenizer.json", "tokenizer_config.json"),
        r"given: expected tokenizer_config.json and tokenizer.json, or vocab.json",
    ),
    token=(without_a_token, r"tokenizer: .* \['<asr_text>'\] are missing among \d+ tokens"),
    embedding=(fewer_rows, r"expected at most the 100 tokens of the weights, got 263"),
    audio_token=(
        lambda folder: edit(folder / "config.json", audio_token_id=7),
        r"config.json: audio_token_id: expected 258, the tokenizer's <\|audio_pad\|>, got 7",
    ),
    features=(
        lambda folder: edit(
            folder / "processor_config.json", feature_extractor={"feature_size": 80}
        ),
        r"processor_config.json: feature_size: expected 128, got 80",
    ),
    settings=(
        lambda folder: write_json(folder / "processor_config.json", []),
        r"processor_config.json: expected settings by name, got \[\]",
    ),
    pickle=(as_pickle, r"expected model.safetensors, got pickles, .* 'pytorch_model.bin'"),
    cut_off=(cut_off, r"model.safetensors: expected whole weights, got [\d,]+ bytes that are cut"),
    half=(half_downloaded, r"given: expected model.safetensors or .*index.json, got \["),
    shard=(without_a_shard, r"model-00002-of-00002.safetensors: expected this part of the weights"),
    map=(without_a_map, r"index.json: expected a weight_map, got {'metadata'"),
    outside=(out_of_the_folder, r"index.json: expected files beside it, got '../a.safetensors'"),
    weight=(
        without_a_weight,
        r"expected every parameter once, got missing_keys \['model.audio_tower.ln_post.bias'\]",
    ),
    size=(of_another_size, r"given: .*ln_post.bias"),
    not_finite=(not_finite, r"ln_post.bias: expected finite weights, got 1 of 64"),
)
def test_what_is_wrong_is_named(folder, damage, message):
    damage(folder)
    with pytest.raises(InputError, match=message):
        written(folder)


def test_another_familys_folder_is_refused(tmp_path):
    write_transformers(tmp_path / "given")
    with pytest.raises(InputError, match="model_type: expected 'qwen3_asr', got 'whisper'"):
        written(tmp_path / "given")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"audio_width": 64}, "weights.config: audio_heads: Field required"),
        ({"heads": 3}, "weights.config: .*heads: Input should be a multiple of 2, got 3"),
        ({"heads": 2, "width": 6}, "heads: expected a divisor of half the width 6, got 2"),
        ({"heads": 2, "audio_heads": 3}, "audio_heads: expected a divisor of audio_width 8, got 3"),
    ],
)
def test_random_weights_of_wrong_sizes_are_refused(tmp_path, config, message):
    sizes = {
        "audio_width": 8,
        "audio_layers": 1,
        "channels": 2,
        "width": 8,
        "layers": 1,
        "vocab_size": 263,
    }
    whole = sizes | {"audio_heads": 2, "heads": 2} if "heads" in config else sizes
    (tmp_path / "given").mkdir()
    write_json(tmp_path / "given" / RANDOM, {"config": whole | config, "seed": 1})
    with pytest.raises(InputError, match=message):
        written(tmp_path / "given")


def test_a_commit_that_is_no_commit_is_refused_before_any_download():
    block = {"weights": {"kind": "hub", "repo": "Qwen/Qwen3-ASR-0.6B-hf", "revision": "main"}}
    with pytest.raises(ValueError, match="revision"):
        Block.model_validate(json.loads(json.dumps(block)))
