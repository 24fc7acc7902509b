# python -m pytest tests/test_whisper_shapes.py
"""Whispers of every published shape, tiny and random: base, training, both engines, score.

Large-v3 has 128 mels and a hundred languages, turbo and distil a decoder of few layers, and what
people share on the hub is in half precision, in parts, with added words or a projection of its own.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import WhisperForConditionalGeneration, WhisperTokenizer

from asr.core.files import read_json
from asr.core.params import load_family_params, load_params
from asr.decoding.params import DecodeParams
from asr.decoding.transcribe import tokens_per_letter, transcribe_all
from asr.devices.params import MachineParams
from asr.families.protocols import family_module
from asr.families.whisper.base.base import write_base
from asr.families.whisper.tokens.description import read_description, read_tokenizer
from asr.families.whisper.training.params import TimestampsParams
from asr.scoring.normalizers import Normalizers
from asr.scoring.params import ScoreParams
from asr.scoring.score import score_utterances, summary
from asr.utterances.utterance import Utterance
from tests.tiny_families import CLIPS, ROOT, WHISPER, context_s, utterances
from tests.tiny_whisper import write_transformers

pytestmark = pytest.mark.integration

MACHINE = MachineParams(device="cpu", num_threads=1, num_processes=1, shard_weights=False)
LARGE_V3 = {"num_mel_bins": 128, "num_languages": 100}
FILES = {
    "config.json", "context.json", "generation_config.json", "model.safetensors",
    "preprocessor_config.json", "processor_config.json", "tokenizer.json", "tokenizer_config.json",
}  # fmt: skip


def in_half_precision(folder: Path, model: WhisperForConditionalGeneration) -> None:
    model.half().save_pretrained(folder)


def in_parts(folder: Path, model: WhisperForConditionalGeneration) -> None:
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="200KB")
    assert len([*folder.glob("model-*.safetensors")]) > 1


def with_added_words(folder: Path, model: WhisperForConditionalGeneration) -> None:
    tokenizer = WhisperTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["лес", "бор"])
    tokenizer.save_pretrained(folder)
    model.resize_token_embeddings(len(tokenizer))
    model.save_pretrained(folder)


def with_a_projection_of_its_own(folder: Path, model: WhisperForConditionalGeneration) -> None:
    model.config.tie_word_embeddings = False
    model.proj_out.weight = torch.nn.Parameter(model.proj_out.weight + 0.1)
    model.save_pretrained(folder)


def but_its_config_keeps_silent(folder: Path, model: WhisperForConditionalGeneration) -> None:
    edit(folder / "config.json", tie_word_embeddings=None)


def with_the_heads_of_its_teacher(folder: Path, model: WhisperForConditionalGeneration) -> None:
    edit(folder / "generation_config.json", alignment_heads=[[7, 0], [10, 17], [25, 6]])


def without_alignment_heads(folder: Path, model: WhisperForConditionalGeneration) -> None:
    edit(folder / "generation_config.json", alignment_heads=None)


def edit(path: Path, **values: object) -> None:
    content = {**json.loads(path.read_text()), **values}
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))


@dataclass(frozen=True)
class Shape:
    """Sizes of the model, what a folder of the hub does to it, and the clips' language."""

    sizes: dict[str, int]
    changes: tuple = ()
    language: str = "be"
    language_token: dict[str, str] = field(default_factory=dict)


SHAPES = {
    "tiny.en": Shape({"multilingual": False}, (without_alignment_heads,), "en"),
    "large-v3": Shape(LARGE_V3, (in_half_precision,), "yue"),
    "large-v3-turbo": Shape({**LARGE_V3, "encoder_layers": 4, "decoder_layers": 1}, (in_parts,)),
    "distil": Shape(
        {"encoder_layers": 4, "decoder_layers": 2},
        (with_the_heads_of_its_teacher,),
        "ku",  # which has no token
        {"ku": "fa"},
    ),
    "tuned by others": Shape(
        {},
        (
            with_added_words,
            with_a_projection_of_its_own,
            in_half_precision,
            in_parts,
            but_its_config_keeps_silent,
        ),
    ),
}


@pytest.fixture(params=SHAPES, ids=str)
def shape(request) -> Shape:
    return SHAPES[request.param]


@pytest.fixture
def hub(shape, tmp_path) -> Path:
    """A folder as it lies on the hub; its window is Whisper's 30 s."""
    folder = tmp_path / "hub"
    sizes = {"max_source_positions": 1500, "max_target_positions": 20, **shape.sizes}
    model = write_transformers(folder, **sizes)
    with torch.no_grad():  # or it hardly ever ends
        model.model.decoder.embed_tokens.weight[model.generation_config.eos_token_id] *= 3
    model.save_pretrained(folder)
    for change in shape.changes:
        change(folder, model)
    return folder


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return {
        name: tensor
        for path in folder.glob("*.safetensors")
        for name, tensor in load_file(path).items()
    }


def trained(base: Path, them: list[Utterance], out: Path) -> list[float]:
    """Train some steps on the four clips, some with timestamps, and save; the loss of each step."""
    trainee = WHISPER.trainee(base, lr=1e-2, own={"timestamps": TimestampsParams(share=0.5)})
    optimizer = torch.optim.AdamW(trainee.network.parameters(), lr=1e-2, weight_decay=0.0)
    batch = trainee.batch(CLIPS, them, context_s(trainee), range(4), zeros=False)
    first = read_tokenizer(base).token_to_id("<|0.00|>")
    assert 0 < int((batch.targets == first).sum()) < 4
    losses = []
    for _ in range(3):
        loss = trainee.summed_loss(batch) / batch.num_targets
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    out.mkdir()
    trainee.save(out)
    return losses


@pytest.fixture(scope="module")
def params():
    """Sections ``decode``, ``whisper.decode`` and ``score``, read once: YAML takes long."""
    role, path = family_module("whisper", "decoding"), ROOT / "params.yaml"
    own = load_family_params("whisper", "decode", role.OwnParams, path)
    return (
        load_params("decode", DecodeParams, path).model_copy(update={"num_beams": 1}),
        own.model_copy(update={"fallback_margin_s": 1.0}),
        load_params("score", ScoreParams, path),
    )


def transcribed(model: Path, them: list[Utterance], decode: DecodeParams, own):
    """As the stage ``transcribe``; hypotheses by id."""
    role = family_module("whisper", "decoding")
    per_letter = tokens_per_letter(them, family_module("whisper", "tokens").open_tokens(model))
    opened = role.open_engine(model, MACHINE, decode, own)
    seconds = role.computed_seconds(model, own)
    found, _ = transcribe_all(opened, CLIPS, them, seconds, decode, per_letter)
    return {one.id: one for one in found}


def check_engines(model: Path, them: list[Utterance], params) -> None:
    """Both engines write the same, and the stage ``score`` takes it."""
    decode, own, score = params
    by_torch, by_ctranslate2 = (
        transcribed(model, them, decode, own.model_copy(update={"engine": engine}))
        for engine in ("torch", "ctranslate2")
    )
    for name, one in by_torch.items():
        other = by_ctranslate2[name]
        assert (one.text, one.num_tokens) == (other.text, other.num_tokens)
        assert one.mean_log_prob == pytest.approx(other.mean_log_prob, abs=5e-3)
    scored = score_utterances(them, by_torch, model, Normalizers(score.normalizers), "as_is")
    found = summary(scored)
    assert found["num_utterances"] == len(them)
    assert found["wer"] > 0


def test_it_goes_from_base_through_training_and_both_engines_to_a_score(
    shape, hub, tmp_path, params
):
    base, tuned = tmp_path / "base", tmp_path / "tuned"
    base.mkdir()
    write_base(hub, base, shape.language_token)
    them = utterances(shape.language)
    losses = trained(base, them, tuned)
    assert losses[-1] < losses[0]

    given = weights(hub)
    before, after = weights(base), weights(tuned)
    assert given.keys() == before.keys() == after.keys()
    assert {tensor.dtype for tensor in (*before.values(), *after.values())} == {torch.float32}
    assert not [name for name in given if not torch.equal(given[name].float(), before[name])]
    assert [name for name in before if not torch.equal(before[name], after[name])]
    assert {path.name for path in tuned.iterdir()} == FILES
    is_tied = read_json(tuned / "config.json").get("tie_word_embeddings", True)
    assert is_tied == ("proj_out.weight" not in given)

    for model in (base, tuned):
        about = read_description(model)
        assert all(layer < about.decoder_layers for layer, _ in about.alignment_heads or ())
        check_engines(model, them, params)
