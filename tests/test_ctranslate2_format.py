# python -m pytest tests/test_ctranslate2_format.py
from pathlib import Path

import numpy as np
import pytest

from asr.core.errors import InputError
from asr.ctranslate2_files.format import Variable, read_model, write_model

VARIABLES = {
    "a/weight": Variable("float32", np.array([[1.0, -2.0], [0.5, 4.0]], np.float32)),
    "num_heads": Variable("int16", np.array(8, np.int16)),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "model.bin"
    write_model(path, "WhisperSpec", 3, VARIABLES.items(), {"b/weight": "a/weight"})
    return path


def test_the_bytes_are_those_of_the_description(path: Path):
    assert path.read_bytes() == b"".join([
        b"\6\0\0\0", b"\x0c\0WhisperSpec\0", b"\3\0\0\0",
        b"\2\0\0\0",
        b"\x09\0a/weight\0", b"\2", b"\2\0\0\0", b"\2\0\0\0", b"\0", b"\x10\0\0\0",
        np.array([1.0, -2.0, 0.5, 4.0], "<f4").tobytes(),
        b"\x0a\0num_heads\0", b"\0", b"\2", b"\2\0\0\0", b"\x08\0",
        b"\1\0\0\0", b"\x09\0b/weight\0", b"\x09\0a/weight\0",
    ])  # fmt: skip


def test_names_shapes_and_numbers_are_read(path: Path):
    model = read_model(path)
    assert (model.spec, model.revision) == ("WhisperSpec", 3)
    assert model.variables["a/weight"].data.tolist() == [[1.0, -2.0], [0.5, 4.0]]
    assert model.variables["num_heads"].data.item() == 8
    assert model.aliases == {"b/weight": "a/weight"}


def test_arrays_are_views_that_cannot_change_the_file(path: Path):
    assert not read_model(path).variables["a/weight"].data.flags.writeable


@pytest.mark.parametrize(
    ("dtype", "data"),
    [
        ("float16", np.array([1.0, -0.5], np.float16)),
        # bfloat16 is a float32 cut in half: 1.0 is 0x3f80_0000, -0.5 is 0xbf00_0000.
        ("bfloat16", np.array([0x3F80, 0xBF00], np.uint16)),
        ("float32", np.array([1.0, -0.5], np.float32)),
    ],
)
def test_every_float_becomes_float32(dtype: str, data: np.ndarray):
    value = Variable(dtype, data).float32()
    assert value.dtype == np.float32
    assert value.tolist() == [1.0, -0.5]


def test_a_file_cut_anywhere_is_refused(path: Path):
    content = path.read_bytes()
    for size in range(1, len(content)):
        path.write_bytes(content[:size])
        with pytest.raises(InputError, match=r"model\.bin: truncated: expected \d+ bytes of "):
            read_model(path)


def test_an_empty_file_is_refused(path: Path):
    path.write_bytes(b"")
    with pytest.raises(InputError, match="expected a CTranslate2 model, got an empty file"):
        read_model(path)


def test_bytes_after_the_end_are_refused(path: Path):
    path.write_bytes(path.read_bytes() + b"xyz")
    with pytest.raises(InputError, match="expected the end, got 3 more bytes"):
        read_model(path)


def test_another_version_is_refused_with_both_numbers(path: Path):
    path.write_bytes(b"\7" + path.read_bytes()[1:])
    with pytest.raises(InputError, match=r"expected CTranslate2 binary version \(4, 5, 6\), got 7"):
        read_model(path)


def test_a_size_that_is_not_the_shapes_is_refused(path: Path):
    content = path.read_bytes()
    path.write_bytes(content.replace(b"\0\0\x10\0\0\0", b"\0\0\x0c\0\0\0", 1))  # 16 bytes, now 12
    expected = r"a/weight: expected 16 bytes for float32 \[2, 2\], got 12"
    with pytest.raises(InputError, match=expected):
        read_model(path)


def test_an_alias_of_nothing_is_refused(path: Path):
    write_model(path, "WhisperSpec", 3, VARIABLES.items(), {"b": "nothing"})
    with pytest.raises(InputError, match="expected a new name for a variable, got b = nothing"):
        read_model(path)
