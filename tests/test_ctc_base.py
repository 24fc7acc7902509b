# python -m pytest tests/test_ctc_base.py
"""Take a pretrained encoder of every kind, with the letters that it knows; refuse what is none."""

import dataclasses
import json
import shutil

import pytest
import torch
from ctranslate2.converters import TransformersConverter
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models
from transformers import (
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
    Wav2Vec2ForPreTraining,
    WhisperForConditionalGeneration,
)

from asr.core.errors import InputError
from asr.core.files import write_json
from asr.families.ctc.base import Block, language_fault
from asr.families.ctc.base.base import write_base
from asr.families.ctc.model.model import load
from asr.families.ctc.tokens.vocabulary import SPECIAL
from asr.families.whisper.base.base import write_base as write_whisper
from tests.tiny_families import CPU, CTC

pytestmark = pytest.mark.integration  # they import torch and transformers

SIZES = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
         "intermediate_size": 16, "conv_dim": [16] * 7, "num_conv_pos_embeddings": 16,
         "num_conv_pos_embedding_groups": 4, "codevector_dim": 16, "proj_codevector_dim": 16,
         "num_codevectors_per_group": 4}  # fmt: skip


def block(folder, **changes):
    values = {"weights": {"kind": "folder", "path": str(folder)}, "num_pieces": 0,
              "margin_s": 0.5, "seed": 1}  # fmt: skip
    return Block.model_validate(values | changes)


def brought(folder, out, **changes):
    out.mkdir()
    write_base(block(folder, **changes), folder, out)
    return load(out, CPU)


def wav2vec2(folder, model_class=Wav2Vec2ForCTC, vocabulary=None, **config):
    """A pretrained wav2vec2 with the blank, as many models have it, in the last place."""
    torch.manual_seed(1)
    ids = vocabulary or {"<s>": 1, "</s>": 2, "[UNK]": 0, "|": 3, "А": 4, "б": 5, "[PAD]": 6}
    sizes = SIZES | {"vocab_size": len(ids), "pad_token_id": len(ids) - 1} | config
    model_class(Wav2Vec2Config(**sizes)).save_pretrained(folder)
    Wav2Vec2FeatureExtractor().save_pretrained(folder)
    if model_class is Wav2Vec2ForCTC:
        write_json(folder / "vocab.json", ids)
    return folder


def test_the_letters_of_a_pretrained_head_stay_with_the_blank_in_front(tmp_path):
    folder = wav2vec2(tmp_path / "given")
    model = brought(folder, tmp_path / "base")
    assert model.vocabulary.tokens == (*SPECIAL, "А", "б")
    old, new = (load_file(tmp_path / name / "model.safetensors") for name in ("given", "base"))
    assert torch.equal(new["lm_head.weight"], old["lm_head.weight"][[6, 0, 3, 4, 5]])
    assert torch.equal(new["lm_head.bias"], old["lm_head.bias"][[6, 0, 3, 4, 5]])
    config = json.loads((tmp_path / "base/config.json").read_text())
    assert (config["vocab_size"], config["pad_token_id"]) == (5, 0)
    others = [name for name in old if not name.startswith("lm_head.")]
    assert not [name for name in others if not torch.equal(old[name], new[name])]


def test_a_small_letter_takes_the_row_of_its_capital(tmp_path):
    brought(wav2vec2(tmp_path / "given"), tmp_path / "base")
    trainee = CTC.trainee(tmp_path / "base")
    before = trainee.model.vocabulary
    base = load(tmp_path / "base", CPU)
    assert "а" in before.ids
    row = trainee.model.network.lm_head.weight[before.ids["а"]]
    assert torch.equal(row, base.network.lm_head.weight[base.vocabulary.ids["А"]])


def test_pieces_of_a_sentencepiece_vocabulary_are_written_with_spaces(tmp_path):
    folder = wav2vec2(tmp_path / "given", vocabulary={"<unk>": 0, "▁на": 1, "та": 2, "[PAD]": 3})
    (folder / "vocab.json").unlink()
    ids = {"<unk>": 0, "▁на": 1, "та": 2, "[PAD]": 3}
    Tokenizer(models.WordLevel(ids, unk_token="<unk>")).save(str(folder / "tokenizer.json"))
    vocabulary = brought(folder, tmp_path / "base").vocabulary
    assert vocabulary.tokens == (*SPECIAL, "▁на", "та")
    assert vocabulary.text_of([3, 4, 3]) == "ната на"


def test_what_only_pretraining_needs_is_left_out(tmp_path):
    folder = wav2vec2(tmp_path / "given", Wav2Vec2ForPreTraining)
    assert any(name.startswith("quantizer.") for name in load_file(folder / "model.safetensors"))
    assert brought(folder, tmp_path / "base").vocabulary.tokens == SPECIAL


def test_weights_in_a_bin_file_are_read_as_tensors_alone(tmp_path):
    folder = wav2vec2(tmp_path / "given")
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    assert brought(folder, tmp_path / "base").vocabulary.tokens == (*SPECIAL, "А", "б")
    torch.save({"lm_head.weight": print}, folder / "pytorch_model.bin")  # may be any code
    with pytest.raises(InputError, match="transformers can't load it"):
        brought(folder, tmp_path / "refused")


def test_an_unknown_kind_an_adapter_or_a_part_of_a_model_is_refused(tmp_path):
    folder = wav2vec2(tmp_path / "given")
    weights = load_file(folder / "model.safetensors")
    lost = "wav2vec2.feature_projection.projection.weight"
    cases = [
        ({k: v for k, v in weights.items() if k != lost}, {}, rf"every parameter once.*{lost}"),
        ({**weights, "stray": torch.zeros(1)}, {}, "every parameter once.*stray"),
        (weights, {"model_type": "bert"}, "model_type: expected one of hubert"),
        (weights, {"add_adapter": True}, "add_adapter: expected none"),
        ({**weights, "lm_head.bias": torch.zeros(9)}, {}, "every parameter once|can't load it"),
    ]
    config = json.loads((folder / "config.json").read_text())
    for number, (tensors, changes, message) in enumerate(cases):
        save_file(tensors, folder / "model.safetensors")
        write_json(folder / "config.json", config | changes)
        with pytest.raises(InputError, match=message):
            brought(folder, tmp_path / str(number))
    (folder / "config.json").unlink()
    with pytest.raises(InputError, match=r"expected config\.json"):
        brought(folder, tmp_path / "none")


@pytest.fixture(scope="module")
def whisper(tmp_path_factory):
    """A tiny Whisper as a transformers folder."""
    folder = tmp_path_factory.mktemp("whisper")
    sizes = {"d_model": 8, "encoder_layers": 1, "decoder_layers": 1, "num_heads": 2}
    (folder / "random").mkdir()
    write_json(folder / "random/random.json", {"config": sizes, "seed": 1})
    (folder / "model").mkdir()
    write_whisper(folder / "random", folder / "model")
    return folder / "model"


def test_the_encoder_of_a_whisper_is_read_from_either_format(whisper, tmp_path):
    converter = TransformersConverter(str(whisper), copy_files=["tokenizer.json"])
    converter.convert(str(tmp_path / "ct2"), quantization="float32")
    expected = WhisperForConditionalGeneration.from_pretrained(whisper).model.encoder.state_dict()
    for name, folder in (("a", whisper), ("b", tmp_path / "ct2")):
        model = brought(folder, tmp_path / name)
        assert model.description.margin_s == 0.5
        found = model.encoder.state_dict()
        assert found.keys() == expected.keys()
        for key, weight in expected.items():
            torch.testing.assert_close(found[key], weight, rtol=1e-6, atol=1e-7, msg=key)


def test_a_tuned_model_is_gone_on_with_at_its_own_margin(whisper, tmp_path):
    brought(whisper, tmp_path / "base")
    trainee = CTC.trainee(tmp_path / "base")
    (tmp_path / "tuned").mkdir()
    trainee.save(tmp_path / "tuned")
    again = brought(tmp_path / "tuned", tmp_path / "again", num_pieces=10)
    assert again.vocabulary == trainee.model.vocabulary
    assert again.description.num_pieces == 10
    for name, weight in trainee.model.state_dict().items():
        assert torch.equal(again.state_dict()[name], weight), name
    with pytest.raises(InputError, match=r"margin_s: expected 0\.5 as in .*tuned, got 0\.2"):
        brought(tmp_path / "tuned", tmp_path / "other", margin_s=0.2)


@pytest.mark.parametrize("name", ["tiny", "tiny_wav2vec2", "tiny_parakeet"])
def test_the_same_block_gives_the_same_bytes(name, tmp_path):
    family = dataclasses.replace(CTC, name=name)
    for folder in ("one", "two"):
        family.write_base(tmp_path / folder)
    files = [path for path in (tmp_path / "one").rglob("*") if path.is_file()]
    assert len(files) >= 4
    for path in files:
        again = tmp_path / "two" / path.relative_to(tmp_path / "one")
        assert again.read_bytes() == path.read_bytes(), path


@pytest.mark.parametrize("part", ["head.safetensors", "vocab.json", "ctc.json", "encoder"])
def test_a_folder_without_a_part_is_refused_and_named(part, tmp_path):
    CTC.write_base(tmp_path / "base")
    path = tmp_path / "base" / part
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    for opened in (CTC.trainee, CTC.engine):
        with pytest.raises(InputError, match="expected "):
            opened(tmp_path / "base")


def test_a_head_of_another_size_is_refused(tmp_path):
    CTC.write_base(tmp_path / "base")
    write_json(tmp_path / "base/vocab.json", {t: i for i, t in enumerate((*SPECIAL, "а"))})
    for opened in (CTC.trainee, CTC.engine):
        with pytest.raises(InputError, match=r"head\.safetensors: expected"):
            opened(tmp_path / "base")


def test_every_language_can_be_learned():
    assert language_fault("xyz", None) is None
