# python -m pytest tests/test_whisper_base.py
import json
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from asr.core.errors import InputError
from asr.families.whisper.base.base import write_base
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


def test_truncated_weights_are_refused(folder, out):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="transformers can't load it"):
        write_base(folder, out)


def test_a_generation_config_without_languages_is_refused(folder, out):
    edit(folder / "generation_config.json", lang_to_id=None)
    with pytest.raises(InputError, match=r"generation_config\.json: .*\['lang_to_id'\] are miss"):
        write_base(folder, out)


def test_a_folder_without_a_model_is_refused(out, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: expected model\.bin or config\.json, got \[\]"):
        write_base(tmp_path / "empty", out)
