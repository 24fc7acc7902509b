# python -m pytest tests/test_to_ctranslate2.py
"""Our conversion to CTranslate2 against CTranslate2's own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from asr.core.errors import InputError
from asr.core.files import read_json, write_json
from asr.ctranslate2_files.format import read_model
from asr.families.whisper.runtime.to_ctranslate2 import convert, quantize_int8
from asr.families.whisper.tokens.description import read_description, read_tokenizer
from tests.tiny_whisper import write_ctranslate2, write_tokenizer, write_transformers

pytestmark = pytest.mark.integration  # whole models, through CTranslate2's own converter

START = 50258


def convert_by_us(folder, out, precision, tokens=None):
    about = read_description(folder)
    tokens = range(about.vocab_size) if tokens is None else tokens
    convert(folder, about, read_tokenizer(folder), tokens, precision, out)


def variables(folder):
    """By name, aliases among them; NaN would not compare."""
    model = read_model(folder / "model.bin")
    shared = {alias: model.variables[name] for alias, name in model.aliases.items()}
    return {
        name: (variable.dtype, variable.data.shape, variable.data.tobytes())
        for name, variable in (model.variables | shared).items()
    }


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("multilingual", [True, False])
def test_every_bit_is_as_in_the_library_s_own(tmp_path, precision, multilingual):
    write_transformers(tmp_path / "tiny", multilingual)
    write_ctranslate2(tmp_path / "tiny", tmp_path / "theirs", precision)
    convert_by_us(tmp_path / "tiny", tmp_path / "ours", precision)
    assert variables(tmp_path / "ours") == variables(tmp_path / "theirs")
    for name in ("config.json", "vocabulary.json"):
        assert read_json(tmp_path / "ours" / name) == read_json(tmp_path / "theirs" / name)


def test_a_folder_that_says_less_is_completed_as_there(tmp_path):
    """No heads for the alignment, nothing suppressed, a tokenizer that ends before timestamps."""
    write_transformers(tmp_path / "tiny")
    path = tmp_path / "tiny" / "generation_config.json"
    write_json(path, {k: v for k, v in read_json(path).items()
                      if k not in ("alignment_heads", "suppress_tokens")})  # fmt: skip
    write_tokenizer(tmp_path / "tiny" / "tokenizer.json", multilingual=True, timestamps=False)
    write_ctranslate2(tmp_path / "tiny", tmp_path / "theirs", "float32")
    convert_by_us(tmp_path / "tiny", tmp_path / "ours", "float32")
    theirs, ours = (read_json(tmp_path / name / "config.json") for name in ("theirs", "ours"))
    assert ours == theirs | {"suppress_ids": []}
    names = read_json(tmp_path / "ours" / "vocabulary.json")
    assert names == read_json(tmp_path / "theirs" / "vocabulary.json")
    assert names[-1] == "<|30.00|>"


def test_tokens_that_are_left_out_are_gone_from_weights_and_lists(tmp_path):
    """Of 51 865: «suppressed» 2, the text token 7, the start, and two languages."""
    write_transformers(tmp_path / "tiny")
    kept = [2, 7, START, START + 1, START + 72]
    convert_by_us(tmp_path / "tiny", tmp_path / "all", "float32")
    convert_by_us(tmp_path / "tiny", tmp_path / "some", "float32", kept)
    embedding, part = (
        read_model(tmp_path / name / "model.bin").variables["decoder/embeddings/weight"].data
        for name in ("all", "some")
    )
    assert part.tolist() == embedding[kept].tolist()
    names = read_json(tmp_path / "some" / "vocabulary.json")
    assert names[2:] == ["<|startoftranscript|>", "<|en|>", "<|be|>"]
    config = read_json(tmp_path / "some" / "config.json")
    assert (config["suppress_ids"], config["suppress_ids_begin"]) == ([0, 2], [])
    assert config["lang_ids"] == [3, 4]


@given(arrays(np.float32, (3, 2, 4), elements=st.floats(-1e6, 1e6, width=32)))
def test_a_row_is_off_by_half_a_level_at_most(matrix):
    levels, scales = quantize_int8(matrix)
    assert levels.dtype == np.int8
    highest = np.abs(matrix).max(axis=(1, 2), keepdims=True)
    assert (np.abs(levels.astype(int)) <= 127).all()
    back = levels / scales[:, None, None].astype(float)
    assert (np.abs(back - matrix) <= 0.5001 * highest / 127 + 1e-38).all()


def test_weights_of_another_size_are_refused_by_name(tmp_path):
    write_transformers(tmp_path / "tiny")
    path = tmp_path / "tiny" / "config.json"
    write_json(path, read_json(path) | {"decoder_layers": 4})
    expected = r"tiny: can't be converted to CTranslate2: .*model\.decoder\.layers\.3\."
    with pytest.raises(InputError, match=expected):
        convert_by_us(tmp_path / "tiny", tmp_path / "ours", "float32")
