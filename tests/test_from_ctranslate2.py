# python -m pytest tests/test_from_ctranslate2.py
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoProcessor, WhisperForConditionalGeneration

from asr.core.errors import InputError
from asr.ctranslate2_files.format import Model, Variable, read_model, write_model
from asr.families.whisper.base.base import write_base
from asr.families.whisper.base.from_ctranslate2 import read_ctranslate2
from tests.tiny_whisper import write_ctranslate2, write_tokenizer, write_transformers

pytestmark = pytest.mark.integration  # whole models, through CTranslate2's own converter


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whisper") / "original"
    write_transformers(folder)
    return folder


@pytest.fixture
def ctranslate2_folder(original: Path, tmp_path: Path) -> Path:
    write_ctranslate2(original, tmp_path / "ct2", "float32")
    return tmp_path / "ct2"


def convert_back(original: Path, tmp_path: Path, quantization: str) -> dict[str, torch.Tensor]:
    write_ctranslate2(original, tmp_path / "ct2", quantization)
    (tmp_path / "out").mkdir()
    write_base(tmp_path / "ct2", tmp_path / "out")
    return WhisperForConditionalGeneration.from_pretrained(tmp_path / "out").state_dict()


def state_dict(folder: Path) -> dict[str, torch.Tensor]:
    return WhisperForConditionalGeneration.from_pretrained(folder).state_dict()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_every_number_survives_the_way_there_and_back(original, tmp_path, dtype):
    parameters = convert_back(original, tmp_path, str(dtype).removeprefix("torch."))
    expected = state_dict(original)
    assert parameters.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(parameters[name], value.to(dtype).to(torch.float32)), name


@pytest.mark.parametrize(("quantization", "levels"), [("int8", 127), ("int16", 1024)])
def test_quantised_weights_come_back_within_half_a_level(original, tmp_path, quantization, levels):
    parameters = convert_back(original, tmp_path, quantization)
    expected = state_dict(original)
    # A row has a scale of its own (int8) or a fused array (int16): none is coarser than this.
    level = max(value.abs().max() for value in expected.values()) / levels
    for name, value in expected.items():
        assert (parameters[name] - value).abs().max() <= 0.5001 * level, name


def test_configs_are_complete(original, ctranslate2_folder, tmp_path):
    (tmp_path / "out").mkdir()
    write_base(ctranslate2_folder, tmp_path / "out")
    for name in ("config.json", "generation_config.json"):
        got = json.loads((tmp_path / "out" / name).read_text())
        expected = json.loads((original / name).read_text())
        if expected.get("suppress_tokens"):  # and the control tokens, which are never text
            expected["suppress_tokens"] += range(50358, 50363)
        # What is left unset is written or not, as the model came to be; it means the same.
        assert {k: v for k, v in got.items() if v is not None} == {
            k: v for k, v in expected.items() if v is not None
        }, name
    extractor = json.loads((tmp_path / "out" / "preprocessor_config.json").read_text())
    assert extractor["feature_size"] == 20


def test_two_conversions_write_the_same_bytes(ctranslate2_folder, tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        write_base(ctranslate2_folder, tmp_path / name)
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes(), path.name


def test_the_tokenizer_knows_prompts_timestamps_and_pad(ctranslate2_folder, tmp_path):
    (tmp_path / "out").mkdir()
    write_base(ctranslate2_folder, tmp_path / "out")
    tokenizer = AutoProcessor.from_pretrained(tmp_path / "out").tokenizer
    tokenizer.set_prefix_tokens(language="be", task="transcribe")
    ids = tokenizer("Дзень").input_ids
    # start, <|be|>, transcribe, notimestamps, two bytes a letter, end: as openai/whisper-base.
    assert ids[:4] == [50258, 50330, 50359, 50363]
    assert (len(ids), ids[-1], tokenizer.pad_token_id) == (4 + 10 + 1, 50257, 50257)
    assert tokenizer.decode(ids, skip_special_tokens=True) == "Дзень"
    timed = [50364, *tokenizer("a", add_special_tokens=False).input_ids, 50364 + 60]
    assert tokenizer.decode(timed, decode_with_timestamps=True) == "<|0.00|>a<|1.20|>"


def test_english_only_without_timestamps_in_its_tokenizer(tmp_path):
    write_transformers(tmp_path / "original", multilingual=False)
    write_ctranslate2(tmp_path / "original", tmp_path / "ct2", "float32")
    write_tokenizer(tmp_path / "ct2" / "tokenizer.json", multilingual=False, timestamps=False)
    (tmp_path / "out").mkdir()
    write_base(tmp_path / "ct2", tmp_path / "out")
    tokenizer = AutoProcessor.from_pretrained(tmp_path / "out").tokenizer
    assert (len(tokenizer), tokenizer.convert_tokens_to_ids("<|30.00|>")) == (51864, 51863)
    generation = json.loads((tmp_path / "out" / "generation_config.json").read_text())
    assert generation["is_multilingual"] is False
    assert generation["decoder_start_token_id"] == 50257
    assert "lang_to_id" not in generation


def write(path: Path, model: Model) -> None:
    path.unlink()  # its arrays may lie in it
    write_model(path, model.spec, model.revision, model.variables.items(), model.aliases)


def change(folder: Path, variables: dict[str, Variable | None]) -> None:
    """Set variables of a model.bin; None takes one away."""
    model = read_model(folder / "model.bin")
    changed = {k: v for k, v in {**model.variables, **variables}.items() if v is not None}
    write(folder / "model.bin", Model(model.spec, model.revision, changed, model.aliases))


def float32(*shape: int) -> Variable:
    return Variable("float32", np.ones(shape, np.float32))


NORM = "decoder/layer_2/ffn/layer_norm/beta"
FUSED = "encoder/layer_1/self_attention/linear_0/bias"


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({NORM: None}, f"missing variable {NORM}"),
        ({"encoder/layer_0/extra": float32(1)}, r"unknown variables \['encoder/layer_0/extra'\]"),
        (
            {NORM: float32(9)},
            r"model\.decoder\.layers\.2\.final_layer_norm\.bias: "
            r"expected shape \(8,\), got \(9,\)",
        ),
        ({FUSED: float32(24)}, f"{FUSED}: expected a key bias of 0"),
        ({FUSED: float32(25)}, r"linear_0: expected rows for q\+k\+v, got 25"),
        (
            {"decoder/activation": Variable("int8", np.array(0, np.int8))},
            r"decoder/activation: expected \(3,\), got 0",
        ),
    ],
)
def test_a_tensor_out_of_place_is_refused_by_name(ctranslate2_folder, tmp_path, variables, message):
    change(ctranslate2_folder, variables)
    with pytest.raises(InputError, match=message):
        read_ctranslate2(ctranslate2_folder)


def test_an_output_projection_of_its_own_stays(ctranslate2_folder, tmp_path):
    path = ctranslate2_folder / "model.bin"
    model = read_model(path)
    assert model.aliases.pop("decoder/projection/weight") == "decoder/embeddings/weight"
    model.variables["decoder/projection/weight"] = float32(51865, 8)
    write(path, model)
    (tmp_path / "out").mkdir()
    write_base(ctranslate2_folder, tmp_path / "out")
    network = WhisperForConditionalGeneration.from_pretrained(tmp_path / "out")
    expected = torch.from_numpy(model.variables["decoder/projection/weight"].float32())
    assert torch.equal(network.proj_out.weight, expected)
    assert not torch.equal(network.model.decoder.embed_tokens.weight, expected)


def test_another_model_is_refused(ctranslate2_folder, tmp_path):
    write(ctranslate2_folder / "model.bin", Model("TransformerSpec", 7, {}, {}))
    expected = "expected WhisperSpec revision 3, got TransformerSpec revision 7"
    with pytest.raises(InputError, match=expected):
        read_ctranslate2(ctranslate2_folder)


def test_a_missing_file_is_named(ctranslate2_folder, tmp_path):
    (ctranslate2_folder / "tokenizer.json").unlink()
    with pytest.raises(
        InputError, match=r"tokenizer\.json: expected this file of a CTranslate2 Whisper, got"
    ):
        read_ctranslate2(ctranslate2_folder)
