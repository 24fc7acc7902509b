# python -m pytest tests/test_model_exports.py
"""Exports of a tiny Whisper in their own runtimes, and the faults that parity finds."""

import ctypes
import json
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType
from safetensors.numpy import load_file, save_file

from asr.core.errors import InputError
from asr.core.files import read_json, write_json
from asr.core.params import load_params
from asr.ctranslate2_files.format import Variable, read_model, write_model
from asr.decoding.params import DecodeParams
from asr.devices.params import MachineParams
from asr.export.formats import Source, installed
from asr.export.params import ExportParams
from asr.export.parity import Comparison, drawn
from asr.export.transcripts import our_texts, their_texts
from asr.export.write import write_exports
from asr.families.whisper.export import formats
from asr.families.whisper.export.ggml_file import quantized
from asr.families.whisper.export.openai_file import openai_weights
from asr.scoring.normalizers import normalizers_of
from asr.scoring.params import ScoreParams
from tests.examples import tone, utterance
from tests.tiny_whisper import write_ctranslate2, write_transformers

pytestmark = pytest.mark.integration  # runtimes of other tools

ROOT = Path(__file__).parents[1]
NAMES = ["transformers", "ctranslate2_float16", "ctranslate2_int8", "ggml_float16", "ggml_q5_1"]
SIZES = {
    "num_mel_bins": 80, "d_model": 64, "encoder_layers": 2, "decoder_layers": 2,
    "encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 256,
    "decoder_ffn_dim": 256, "max_source_positions": 1500, "max_target_positions": 448,
}  # fmt: skip
CLIPS = [tone(0.2 + 0.1 * n, hz=300.0 + 400 * n) for n in range(4)]
TEXTS = [utterance(str(n), duration_s=0.3) for n in range(4)]


PARITY = load_params("export", ExportParams, ROOT / "params.yaml").parity


def params(section, schema):
    return load_params(section, schema, ROOT / "params.yaml")


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The folders ``tuned`` and ``export``."""
    root = tmp_path_factory.mktemp("exported")
    write_transformers(root / "tuned", **SIZES)
    as_real_ones(root / "tuned")
    export(root / "tuned", root / "export", NAMES)
    return root


def as_real_ones(folder):
    """Small weights, so that rounding changes few texts; special tokens are suppressed.

    The token before the end is empty: by that CTranslate2 tells a multilingual model.
    """
    weights = load_file(folder / "model.safetensors")
    for name, weight in weights.items():
        if "embed_tokens" not in name:
            weight *= np.float32(0.25)
        if name.endswith("norm.weight"):
            weight[:] = 1
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    tokenizer = (folder / "tokenizer.json").read_text()
    (folder / "tokenizer.json").write_text(tokenizer.replace('"filler50000"', '""'))
    generation = read_json(folder / "generation_config.json")
    generation["suppress_tokens"] = [1, 2, *range(50258, 50364)]
    write_json(folder / "generation_config.json", generation)


def export(model, out, names, languages=("be",), base=None):
    write_exports("whisper", formats(), names, Source(model, base or model, languages), out)
    return read_json(out / "export.json")


def texts_of(model, name, folder):
    read = formats()[name].open(model, folder, 1)
    return their_texts(read, CLIPS, TEXTS, params("decode", DecodeParams))


@pytest.fixture(scope="module")
def comparison(exported):
    machine = MachineParams(device="cpu", num_threads=1, num_processes=1, shard_weights=False)
    decode = params("decode", DecodeParams)
    ours = our_texts("whisper", exported / "tuned", CLIPS, TEXTS, machine, decode)
    assert len(set(ours)) >= 3  # else the texts could not tell a fault
    score = params("score", ScoreParams)
    normalizers = normalizers_of("test", score)
    return Comparison(TEXTS, ours, normalizers, score, 1)


@pytest.fixture
def parity(exported, comparison):
    """Compares a folder in a format with the model, as the stage does."""

    def compare(name, folder):
        one = formats()[name]
        # Nobody trained the model: all its words are wrong, so WER says nothing.
        thresholds = PARITY.model_copy(update={"max_wer_difference": 1000})
        texts = texts_of(exported / "tuned", name, folder)
        faults = one.faults(exported / "tuned", folder)
        return comparison.row(texts, faults, one.quantized, thresholds)

    return compare


@pytest.mark.parametrize("name", NAMES)
def test_each_export_says_what_the_model_says(exported, parity, name):
    row = parity(name, exported / "export" / name)
    assert row["passed"], row
    if name in ("transformers", "ctranslate2_float16"):
        assert row["identical"] == 1.0


def test_the_same_model_gives_the_same_bytes(exported, tmp_path):
    export(exported / "tuned", tmp_path / "again", NAMES)
    first, second = ((root / "export.json").read_bytes()
                     for root in (exported / "export", tmp_path / "again"))  # fmt: skip
    assert first == second  # it has the hash of each file
    index = json.loads(first)
    assert index["formats"]["ggml_q5_1"]["bytes"] < index["formats"]["ggml_float16"]["bytes"]


def test_float16_is_bit_for_bit_the_librarys_own(exported, tmp_path):
    write_ctranslate2(exported / "tuned", tmp_path / "theirs", "float16")
    folders = (exported / "export/ctranslate2_float16", tmp_path / "theirs")
    ours, theirs = (read_model(folder / "model.bin") for folder in folders)
    for name, variable in ours.variables.items():
        # It writes equal arrays once.
        other = theirs.variables[theirs.aliases.get(name, name)]
        assert variable.dtype == other.dtype, name
        assert variable.data.tobytes() == other.data.tobytes(), name


# Seeded faults: each makes a copy of an export wrong.


def edited(folder, change):
    """Change the variables of a ``model.bin``."""
    model = read_model(folder / "model.bin")
    variables = {name: Variable(v.dtype, np.array(v.data)) for name, v in model.variables.items()}
    change(variables)
    (folder / "model.bin").unlink()
    write_model(folder / "model.bin", model.spec, model.revision, variables.items(), model.aliases)


LAYER = "decoder/layer_0/ffn/linear_1/weight"
ATTENTION = "decoder/layer_1/attention/linear_2/weight"


def transpose(variables):
    variables[ATTENTION] = Variable(variables[ATTENTION].dtype, variables[ATTENTION].data.T.copy())


def overflow(variables):
    data = variables[LAYER].data
    data[0] = np.float32(1e5).astype(data.dtype)  # infinite in float16


def wrong_scale(variables):
    variables[f"{LAYER}_scale"].data[:] *= 2


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("ctranslate2_float16", transpose),
        ("ctranslate2_float16", overflow),
        ("ctranslate2_int8", wrong_scale),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_a_wrong_weight_is_found(exported, parity, tmp_path, name, fault):
    shutil.copytree(exported / "export" / name, tmp_path / "copy")
    edited(tmp_path / "copy", fault)
    row = parity(name, tmp_path / "copy")
    assert not row["passed"], row


def test_another_tokenizer_is_found(exported, parity, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(exported / "export/ctranslate2_int8", folder)
    tokenizer = read_json(folder / "tokenizer.json")
    ids = tokenizer["model"]["vocab"]
    tokenizer["model"]["vocab"] = {token: (i + 1) % len(ids) for token, i in ids.items()}
    write_json(folder / "tokenizer.json", tokenizer)
    assert parity("ctranslate2_int8", folder)["identical"] == 0


@pytest.mark.parametrize(
    ("name", "file"),
    [("transformers", "generation_config.json"), ("ctranslate2_int8", "config.json")],
)
def test_missing_alignment_heads_are_found_though_the_texts_are_right(
    exported, parity, tmp_path, name, file
):
    folder = tmp_path / "copy"
    shutil.copytree(exported / "export" / name, folder)
    settings = read_json(folder / file)
    del settings["alignment_heads"]
    write_json(folder / file, settings)
    row = parity(name, folder)
    assert row["faults"] and not row["passed"]
    assert "alignment_heads: expected [" in row["faults"][0]


def test_a_weight_beyond_float16_leaves_these_formats_out(exported, tmp_path):
    folder = tmp_path / "tuned"
    shutil.copytree(exported / "tuned", folder)
    weights = load_file(folder / "model.safetensors")
    weights["model.decoder.layers.0.fc1.weight"][0, 0] = 7e4
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    index = export(folder, tmp_path / "export", ["ctranslate2_float16", "ggml_float16"])
    assert index["formats"] == {}
    assert not [path for path in (tmp_path / "export").iterdir() if path.is_dir()]
    reasons = index["left_out"]
    assert reasons["ctranslate2_float16"].endswith("70000 is beyond the range of float16")
    assert reasons["ggml_float16"].startswith("decoder.blocks.0.mlp.0.weight: 70000 is")


def test_what_a_format_cannot_hold_is_left_out_with_the_reason(exported, tmp_path):
    index = export(exported / "tuned", tmp_path / "export", ["adapter", "transformers"])
    assert index["left_out"] == {"adapter": "the weights are those of the base"}
    write_exports("toy", {}, ["onnx"], Source(tmp_path, tmp_path, ()), tmp_path / "none")
    left_out = read_json(tmp_path / "none" / "export.json")["left_out"]
    assert left_out == {"onnx": "no model of the family toy has this format"}


@pytest.mark.parametrize(
    ("languages", "language"), [(("be",), "<|be|>"), (("be", "bg"), None), (("yi",), "<|yi|>")]
)
def test_a_model_of_one_language_names_it(exported, tmp_path, languages, language):
    export(exported / "tuned", tmp_path / "export", ["transformers"], languages)
    generation = read_json(tmp_path / "export/transformers/generation_config.json")
    assert generation.get("language") == language
    assert generation["task"] == "transcribe"
    assert "forced_decoder_ids" not in generation


def test_a_full_disk_ends_in_one_line_and_no_folder(exported, small_disk):
    out = small_disk / "export"
    with pytest.raises(InputError, match=f"{out}: can't be written: .*No space left"):
        export(exported / "tuned", out, NAMES)
    assert list(small_disk.iterdir()) == []


def test_a_runtime_that_is_missing_is_named():
    with pytest.raises(InputError, match="parity needs the package no-such-runtime"):
        installed("no-such-runtime")


def test_drawn_clips_depend_on_their_ids_alone():
    ones = [utterance(str(n)) for n in range(20)]
    some = drawn(ones, 5)
    assert [one.id for one in drawn(ones[::-1], 5)] == [one.id for one in some][::-1]
    assert drawn(ones, None) == ones


def row(ours, theirs, quantized=False, **changes):
    score = params("score", ScoreParams)
    ones = [utterance(str(n), text="a b") for n in range(len(ours))]
    compared = Comparison(ones, ours, normalizers_of("test", score), score, 1)
    return compared.row(theirs, [], quantized, PARITY.model_copy(update=changes))


def test_shares_and_difference_of_wer_can_be_checked_by_hand():
    found = row(["a b"] * 10 + ["a"] * 2, ["a  b "] * 9 + ["b", "a", "a"])
    assert found["identical"] == pytest.approx(11 / 12, abs=1e-6)  # spaces don't count
    assert (found["wer_ours"], found["wer"]) == (round(2 / 24, 6), round(3 / 24, 6))
    value, low, high = found["difference"]
    assert low <= value == round(1 / 24, 6) <= high
    assert found["passed"]


def test_each_threshold_alone_fails_an_export():
    ours, theirs = ["a b"] * 4, ["a b", "a b", "a c", "a c"]
    wide = {"max_wer_difference": 0.25, "min_identical": 0.5, "min_identical_quantized": 0.5}
    assert row(ours, theirs, **wide)["passed"]
    assert not row(ours, theirs, **wide | {"max_wer_difference": 0.24})["passed"]
    assert not row(ours, theirs, **wide | {"min_identical": 0.51})["passed"]
    assert row(ours, theirs, quantized=True, **wide | {"min_identical": 0.51})["passed"]
    assert not row(ours, theirs, quantized=True, **wide | {"min_identical_quantized": 0.51})[
        "passed"
    ]


def test_added_tokens_stay_where_a_format_has_room_for_them(tmp_path):
    """Tools of OpenAI's kind tell special tokens by the number of all."""
    folder = tmp_path / "tuned"
    write_transformers(folder, **SIZES)
    tokenizer = read_json(folder / "tokenizer.json")
    last = tokenizer["added_tokens"][-1]
    tokenizer["added_tokens"].append(last | {"id": last["id"] + 1, "content": "ў"})
    write_json(folder / "tokenizer.json", tokenizer)
    weights = load_file(folder / "model.safetensors")
    name = "model.decoder.embed_tokens.weight"
    weights[name] = np.concatenate([weights[name], weights[name][:1]])
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    config = read_json(folder / "config.json")
    write_json(folder / "config.json", config | {"vocab_size": config["vocab_size"] + 1})
    names = ["ctranslate2_int8", "ggml_float16", "openai"]
    index = export(folder, tmp_path / "export", names)
    assert list(index["formats"]) == ["ctranslate2_int8"]
    assert read_json(tmp_path / "export/ctranslate2_int8/vocabulary.json")[-1] == "ў"
    assert "got 51866 tokens, 1502 of them from" in index["left_out"]["ggml_float16"]


# GGML and openai/whisper.


def test_openai_names_are_those_of_its_own_model(tmp_path):
    write_transformers(tmp_path / "model")
    names = {name for name, _ in openai_weights(tmp_path / "model")}
    layer = "decoder.blocks.0"
    assert {
        "encoder.positional_embedding", "encoder.conv1.weight", "encoder.ln_post.bias",
        "encoder.blocks.1.attn.query.weight", "encoder.blocks.1.attn_ln.weight",
        f"{layer}.cross_attn.key.weight", f"{layer}.cross_attn_ln.bias", f"{layer}.mlp.0.weight",
        f"{layer}.mlp_ln.weight", "decoder.ln.weight", "decoder.token_embedding.weight",
    } <= names  # fmt: skip
    assert not [name for name in names if "layer_norm" in name or "proj" in name]


BYTES_OF_32 = {0: 128, 1: 64, 7: 24}  # by type


def read_ggml(content):
    """Header, vocabulary and tensors by name, read as whisper.cpp does."""
    header = struct.unpack_from("<12i", content)
    at = 48
    num_mels, num_bins = struct.unpack_from("<2i", content, at)
    at += 8 + 4 * num_mels * num_bins
    (num_tokens,) = struct.unpack_from("<i", content, at)
    at, tokens = at + 4, []
    for _ in range(num_tokens):
        (length,) = struct.unpack_from("<i", content, at)
        tokens.append(content[at + 4 : at + 4 + length])
        at += 4 + length
    tensors = {}
    while at < len(content):
        num_dims, length, kind = struct.unpack_from("<3i", content, at)
        shape = struct.unpack_from(f"<{num_dims}i", content, at + 12)[::-1]
        at += 12 + 4 * num_dims
        name, at = content[at : at + length].decode(), at + length
        size = int(np.prod(shape)) * BYTES_OF_32[kind] // 32
        tensors[name], at = (kind, shape, content[at : at + size]), at + size
    return header, tokens, tensors


@pytest.mark.parametrize(("kind", "type_id"), [("float16", 1), ("q5_1", 7)])
def test_a_ggml_file_reads_back_whole(exported, kind, type_id):
    header, tokens, tensors = read_ggml(
        (exported / f"export/ggml_{kind}/ggml-model.bin").read_bytes()
    )
    assert header[1:4] == (51865, 1500, 64)
    assert len(tokens) == 50257
    assert set(tokens[:256]) == {bytes([byte]) for byte in range(256)}
    weights = dict(openai_weights(exported / "tuned"))
    assert tensors.keys() == weights.keys()
    name = "decoder.blocks.0.mlp.0.weight"
    found, shape, content = tensors[name]
    assert (found, shape) == (type_id, (256, 64))
    if kind == "float16":
        assert content == weights[name].astype(np.float16).tobytes()


@pytest.mark.parametrize(("kind", "type_id"), [("q8_0", 8), ("q5_1", 7), ("q5_0", 6)])
def test_quantized_blocks_are_bit_for_bit_those_of_ggml(kind, type_id):
    """The library that pywhispercpp brings along."""
    import _pywhispercpp

    library = ctypes.CDLL(str(Path(_pywhispercpp.__file__).with_name("libggml-base.so")))
    weight = np.random.default_rng(1).normal(0, 0.05, (8, 96)).astype(np.float32)
    ours = quantized(weight, "a weight", GGMLQuantizationType[kind.upper()])
    theirs = ctypes.create_string_buffer(len(ours) + 64)
    library.ggml_quantize_chunk.restype = ctypes.c_size_t
    size = library.ggml_quantize_chunk(
        type_id, weight.ctypes.data_as(ctypes.c_void_p), theirs, ctypes.c_int64(0),
        ctypes.c_int64(8), ctypes.c_int64(96), None,
    )  # fmt: skip
    assert (size, theirs.raw[:size]) == (len(ours), ours)
