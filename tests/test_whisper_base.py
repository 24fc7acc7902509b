# python -m pytest tests/test_whisper_base.py
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import WhisperForConditionalGeneration, WhisperTokenizer

from asr.core.errors import InputError
from asr.core.files import read_json
from asr.families.whisper.base.base import write_base
from asr.families.whisper.model.decoder import suppression_masks
from asr.families.whisper.model.model import load
from asr.families.whisper.runtime.ctranslate2_model import load_ctranslate2
from asr.families.whisper.tokens import prompt_tokens, text_tokens
from asr.families.whisper.tokens.description import read_description
from asr.families.whisper.training.subwords import SubwordDropout
from tests.examples import utterance
from tests.test_whisper import engine, noise
from tests.tiny_whisper import write_ctranslate2, write_transformers


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_transformers(tmp_path / "folder")
    return tmp_path / "folder"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


FILES = {
    "config.json", "generation_config.json", "model.safetensors", "preprocessor_config.json",
    "processor_config.json", "tokenizer.json", "tokenizer_config.json",
}  # fmt: skip


def test_a_transformers_folder_keeps_its_weights(folder, out):
    write_base(folder, out)
    assert {path.name for path in out.iterdir()} == FILES
    assert (out / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()


def test_a_ctranslate2_folder_becomes_the_same_files(folder, out, tmp_path):
    write_ctranslate2(folder, tmp_path / "ct2", "float32")
    write_base(tmp_path / "ct2", out)
    assert {path.name for path in out.iterdir()} == FILES
    assert (out / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()


def edit(path: Path, **values: object) -> None:
    content = {**json.loads(path.read_text()), **values}
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))


def test_another_model_is_refused(folder, out):
    edit(folder / "config.json", model_type="bert")
    with pytest.raises(InputError, match=r"model_type: expected 'whisper', got 'bert'"):
        write_base(folder, out)


def test_a_missing_parameter_is_refused_by_name(folder, out):
    path = folder / "model.safetensors"
    tensors = load_file(path)
    del tensors["model.encoder.conv1.bias"]
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"missing_keys \['model\.encoder\.conv1\.bias'\]"):
        write_base(folder, out)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("max_source_positions", 40, r"mismatched_keys .*model\.encoder\.embed_positions\.weight"),
        ("decoder_layers", 2, r"unexpected_keys .*model\.decoder\.layers\.2\.fc1\.bias"),
        ("quantization_config", {"load_in_8bit": True}, "config: expected weights that are not qu"),
    ],
)
def test_the_config_of_another_model_is_refused_by_name(folder, out, key, value, message):
    edit(folder / "config.json", **{key: value})
    with pytest.raises(InputError, match=message):
        write_base(folder, out)


def test_truncated_weights_are_refused(folder, out):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="transformers can't load it"):
        write_base(folder, out)


def test_missing_tokens_are_completed_from_the_tokenizer(folder, out):
    given = read_json(folder / "generation_config.json")
    edit(folder / "generation_config.json", lang_to_id=None, no_timestamps_token_id=None)
    write_base(folder, out)
    completed = read_json(out / "generation_config.json")
    for key in ("lang_to_id", "no_timestamps_token_id", "task_to_id"):
        assert completed[key] == given[key]


def test_a_missing_generation_config_is_built_from_the_tokenizer(folder, out):
    given = read_json(folder / "generation_config.json")
    (folder / "generation_config.json").unlink()
    write_base(folder, out)
    built = read_json(out / "generation_config.json")
    for key in ("decoder_start_token_id", "eos_token_id", "lang_to_id", "is_multilingual"):
        assert built[key] == given[key]
    assert built["decoder_start_token_id"] in built["suppress_tokens"]
    assert read_description(out).alignment_heads is None


def test_a_damaged_generation_config_is_not_taken_for_a_missing_one(folder, out):
    (folder / "generation_config.json").write_text("{")
    with pytest.raises(InputError, match=r"generation_config\.json: expected JSON"):
        write_base(folder, out)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("no_timestamps_token_id", 50364, "no_timestamps_token_id: expected 50363 as in the tok"),
        ("task_to_id", {"transcribe": 50360}, r"task_to_id\.transcribe: expected 50359"),
        ("lang_to_id", {"<|be|>": 50359}, r"lang_to_id\.<\|be\|>: expected 50330"),
        (
            "lang_to_id",
            {"<|be|>": 50331, "<|tg|>": 50332},
            r"lang_to_id\.<\|be\|>: expected 50330",
        ),
        ("eos_token_id", 50256, "eos_token_id: expected 50257"),
        ("suppress_tokens", [51865], "suppress_tokens: expected ids below 51865, got 51865"),
        ("suppress_tokens", [50257], "suppress_tokens: expected no end token"),
        ("suppress_tokens", ["1"], r"suppress_tokens\.0: Input should be a valid integer, got '1'"),
        ("suppress_tokens", 7, "suppress_tokens: Input should be a valid list, got 7"),
        ("alignment_heads", [1, 0], r"alignment_heads\.0: .* valid list, got 1"),
        ("lang_to_id", ["<|be|>"], r"lang_to_id: .* valid dictionary"),
        ("is_multilingual", "yes", "is_multilingual: .* valid boolean"),
        ("is_multilingual", False, "is_multilingual: expected True as in the tokenizer, got False"),
        ("suppress_tokens", [*range(50257)], "suppress_tokens: expected tokens left to write"),
        ("begin_suppress_tokens", [*range(51865)], "suppress_tokens: expected tokens left to wr"),
    ],
)
def test_the_generation_config_of_another_model_is_refused(folder, out, key, value, message):
    edit(folder / "generation_config.json", **{key: value})
    with pytest.raises(InputError, match=message):
        write_base(folder, out)


def test_suppressed_tokens_of_config_json_hold_in_both_engines(folder, out):
    edit(folder / "generation_config.json", suppress_tokens=None)
    edit(folder / "config.json", suppress_tokens=[60, 61])
    write_base(folder, out)
    assert suppression_masks(load(out, torch.device("cpu")))[0][[59, 60, 61]].tolist() == [
        0.0, -torch.inf, -torch.inf
    ]  # fmt: skip
    assert read_description(out).suppress_tokens[:3] == [60, 61, 50258]


@pytest.mark.parametrize("given", [None, [], [1, 2]])
def test_control_tokens_are_never_written_whatever_the_list_of_a_base_says(folder, out, given):
    edit(folder / "generation_config.json", suppress_tokens=given)
    write_base(folder, out)
    forbidden = suppression_masks(load(out, torch.device("cpu")))[0].isinf()
    assert forbidden[[50258, *range(50358, 50364)]].all()
    assert forbidden[[1, 2]].all() == (given == [1, 2])


def test_a_tokenizer_of_another_class_is_refused(folder, out):
    edit(folder / "tokenizer_config.json", tokenizer_class="GPT2Tokenizer")
    with pytest.raises(InputError, match="tokenizer_class: expected WhisperTokenizer, got GPT2To"):
        write_base(folder, out)


def test_an_activation_that_ctranslate2_would_not_compute_is_refused(folder, out):
    edit(folder / "config.json", activation_function="relu")
    with pytest.raises(
        InputError, match=r"config\.json: activation_function: .*'gelu', got 'relu'"
    ):
        write_base(folder, out)


def test_parts_of_a_model_are_joined_and_two_sets_of_weights_are_refused(folder, out):
    whole = (folder / "model.safetensors").read_bytes()
    model = WhisperForConditionalGeneration.from_pretrained(folder)
    model.save_pretrained(folder, max_shard_size="200KB")
    assert len([*folder.glob("model-*.safetensors")]) > 1
    (folder / "model.safetensors").unlink(missing_ok=True)
    write_base(folder, out)
    assert (out / "model.safetensors").read_bytes() == whole
    (folder / "model.safetensors").write_bytes(whole)
    with pytest.raises(
        InputError, match=r"one set of weights, got model\.safetensors and model\.sa"
    ):
        write_base(folder, out)
    (folder / "model.safetensors").unlink()
    sorted(folder.glob("model-*"))[-1].unlink()
    with pytest.raises(InputError, match=r"folder: transformers can't load it: .*model-00002"):
        write_base(folder, out)


def test_weights_without_a_tokenizer_are_refused(folder, out):
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    with pytest.raises(InputError, match=r"folder: .*token"):
        write_base(folder, out)


def add_tokens(folder: Path, *words: str) -> None:
    tokenizer = WhisperTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(list(words))
    tokenizer.save_pretrained(folder)


def resize(folder: Path, size: int) -> None:
    model = WhisperForConditionalGeneration.from_pretrained(folder)
    model.resize_token_embeddings(size)
    model.save_pretrained(folder)


def test_a_tokenizer_larger_than_the_weights_is_refused(folder, out):
    add_tokens(folder, "Бегемот")
    with pytest.raises(InputError, match="at most the 51865 tokens of the weights, got 51866"):
        write_base(folder, out)


def test_a_tokenizer_smaller_than_the_weights_is_refused_unless_they_are_padded(folder, out):
    resize(folder, 51866)  # as large-v3, which has a language more
    with pytest.raises(InputError, match="expected the 51866 tokens of the weights, got 51865"):
        write_base(folder, out)
    resize(folder, 51872)
    write_base(folder, out)
    whisper = load_ctranslate2(out, "cpu", "float32", 1)
    assert set(range(51865, 51872)) <= set(whisper.suppressed)


def test_added_words_can_be_written_and_timestamps_not(folder, out):
    add_tokens(folder, "Бегемот", "zoo")
    resize(folder, 51867)
    write_base(folder, out)
    whisper = load(out, torch.device("cpu"))
    assert text_tokens(whisper.tokenizer, "Бегемот")[-1] == 51865
    forbidden = suppression_masks(whisper)[0].isinf().tolist()
    assert all(forbidden[50363:51865])
    assert not any(forbidden[51865:])
    for scripts, rows in ((), [51865, 51866]), (("Cyrillic",), [51865]), (("Latin",), [51866]):
        converted = load_ctranslate2(out, "cpu", "float32", 1, scripts)
        written = {t for row, t in enumerate(converted.tokens) if row not in converted.suppressed}
        assert [token for token in (51865, 51866) if token in written] == rows
        assert not written & set(range(50363, 51865))
    assert SubwordDropout(whisper.tokenizer).splits(51866) == []


def test_a_projection_of_its_own_is_converted(folder, out):
    model = WhisperForConditionalGeneration.from_pretrained(folder)
    model.config.tie_word_embeddings = False
    model.proj_out.weight = torch.nn.Parameter(torch.randn_like(model.proj_out.weight))
    model.save_pretrained(folder)
    write_base(folder, out)
    clip, one = noise(0.5, 1), utterance("a", text="як")
    by_torch, by_ctranslate2 = (
        engine(out, name).transcribe([clip], [one], 0.64, [8])[0]
        for name in ("torch", "ctranslate2")
    )
    assert by_torch.text == by_ctranslate2.text
    assert by_torch.mean_log_prob == pytest.approx(by_ctranslate2.mean_log_prob, abs=1e-3)


def test_heads_that_the_decoder_lacks_are_left_out(folder, out, capsys):
    edit(folder / "generation_config.json", alignment_heads=[[2, 1], [7, 0], [1, 2]])
    write_base(folder, out)
    assert read_description(out).alignment_heads == [(2, 1)]
    assert "2 of 3 left out, the decoder has 3 layers of 2" in capsys.readouterr().err


def test_features_of_another_model_are_refused_and_missing_ones_completed(folder, out):
    edit(folder / "preprocessor_config.json", feature_size=80)
    with pytest.raises(InputError, match="feature_size: expected 20 as in the model, got 80"):
        write_base(folder, out)
    (folder / "preprocessor_config.json").unlink()
    write_base(folder, out)
    assert read_json(out / "preprocessor_config.json")["feature_size"] == 20


def test_weights_that_are_not_finite_are_refused_by_name(folder, out):
    path = folder / "model.safetensors"
    tensors = load_file(path)
    tensors["model.decoder.layers.0.fc1.weight"][0, 0] = float("nan")
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"decoder\.layers\.0\.fc1\.weight: .* got 1 of 80"):
        write_base(folder, out)


def test_language_task_and_lengths_of_another_use_are_reset(folder, out):
    edit(folder / "generation_config.json", language="hindi", task="translate", max_length=9,
         return_timestamps=True, forced_decoder_ids=[[1, 50276]], max_new_tokens=5)  # fmt: skip
    edit(folder / "tokenizer_config.json", language="hindi", task="translate")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(3)
    tokenizer.save(str(folder / "tokenizer.json"))
    write_base(folder, out)
    generation = read_json(out / "generation_config.json")
    chosen = ("language", "task", "forced_decoder_ids", "max_new_tokens", "return_timestamps")
    assert [generation.get(key) for key in chosen] == [None, None, None, None, False]
    assert generation["max_length"] == 14
    settings = read_json(out / "tokenizer_config.json")
    assert (settings.get("language"), settings.get("task")) == (None, None)
    assert len(text_tokens(Tokenizer.from_file(str(out / "tokenizer.json")), "abcdef")) == 7


@pytest.mark.parametrize(("code", "whispers"), [("jv", "jw"), ("nb", "no"), ("fil", "tl")])
def test_iso_codes_that_whisper_spells_otherwise_have_its_tokens(folder, code, whispers):
    about = read_description(folder)
    assert prompt_tokens(about, code) == prompt_tokens(about, whispers)


def test_a_folder_without_a_model_is_refused(out, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: expected model\.bin or config\.json, got \[\]"):
        write_base(tmp_path / "empty", out)
