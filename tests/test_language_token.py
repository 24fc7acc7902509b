# python -m pytest tests/test_language_token.py
"""Languages with another's token: Kurdish, which has none, and Bosnian, trained as Croatian."""

import pytest
import torch
from transformers import WhisperForConditionalGeneration

from asr.core.errors import InputError
from asr.core.files import read_json
from asr.families.whisper.base import Block, language_fault
from asr.families.whisper.base.base import write_base
from asr.families.whisper.base.closest import closest_tokens
from asr.families.whisper.judge.judge import WhisperJudge
from asr.families.whisper.model.decoder import transcribe_batch
from asr.families.whisper.model.model import load
from asr.families.whisper.runtime.to_ctranslate2 import convert
from asr.families.whisper.tokens import has_language, prompt_tokens
from asr.families.whisper.tokens.description import read_description, read_tokenizer
from asr.families.whisper.training.loss import loss_batch
from tests.examples import tone, utterance
from tests.tiny_families import WHISPER
from tests.tiny_whisper import write_transformers

SHARED = {"ku": "fa", "bs": "hr", "jv": "id"}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "plain"
    write_transformers(folder)
    return folder


@pytest.fixture(scope="module")
def base(plain, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "base"
    folder.mkdir()
    write_base(plain, folder, SHARED)
    return folder


def test_the_folder_holds_the_tokens_and_all_else_stays(plain, base):
    own = read_json(plain / "generation_config.json")["lang_to_id"]
    found = read_json(base / "generation_config.json")["lang_to_id"]
    changes = {"ku": own["<|fa|>"], "<|bs|>": own["<|hr|>"], "jv": own["<|id|>"]}
    assert found == own | changes
    assert not has_language(read_description(plain), "ku")


@pytest.mark.parametrize(("language", "lender"), SHARED.items())
def test_training_both_engines_and_the_judge_prompt_with_it(plain, base, language, lender):
    whisper, config = load(base, torch.device("cpu")), read_description(base)
    expected = prompt_tokens(read_description(plain), lender)
    assert prompt_tokens(whisper.network.generation_config, language) == expected
    assert prompt_tokens(config, language) == expected
    clip, one = tone(0.5), utterance("a", text="як", language=language, duration_s=0.5)
    assert loss_batch(whisper, [clip], [one], 0.64).inputs[0, :4].tolist() == expected
    as_lender = one.model_copy(update={"language": lender})
    same = [transcribe_batch(whisper, [clip], [u], 0.64, [5], 1)[0] for u in (one, as_lender)]
    assert same[0] == same[1]
    judge = WhisperJudge(base, "float32", 1, "cpu")
    (judged,) = judge.score_clips([clip], language, 0.64, [["як"]], [5])
    (of_lender,) = judge.score_clips([clip], lender, 0.64, [["як"]], [5])
    assert judged.log_probs == of_lender.log_probs


@pytest.mark.parametrize(("language", "lender"), SHARED.items())
def test_transformers_own_generate_takes_the_language(base, language, lender):
    model = WhisperForConditionalGeneration.from_pretrained(base)
    features = torch.randn(1, 20, 100, generator=torch.Generator().manual_seed(1))

    def generated(name):
        return model.generate(
            features, language=name, task="transcribe", max_new_tokens=6, do_sample=False,
            output_logits=True, return_dict_in_generate=True,
        ).logits  # fmt: skip

    ours, theirs, other = generated(language), generated(lender), generated("be")
    assert len(ours) == len(theirs)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    assert not torch.equal(ours[0], other[0])


def test_ctranslate2_detects_no_token_that_is_not_used(plain, base, tmp_path):
    """Or the audit would find Bosnian clips to be in the wrong language, Croatian."""
    described, own = read_description(base), read_description(plain).lang_to_id
    everything = range(described.vocab_size)
    convert(base, described, read_tokenizer(base), everything, "float32", tmp_path / "converted")
    detected = read_json(tmp_path / "converted/config.json")["lang_ids"]
    assert set(own.values()) - set(detected) == {own["<|bs|>"]}


def test_a_tuned_model_is_a_base_with_the_same_tokens(base, tmp_path):
    trainee = WHISPER.trainee(base)
    (tmp_path / "tuned").mkdir()
    trainee.save(tmp_path / "tuned")
    (tmp_path / "again").mkdir()
    write_base(tmp_path / "tuned", tmp_path / "again")
    for folder in ("tuned", "again"):
        found = read_json(tmp_path / folder / "generation_config.json")["lang_to_id"]
        assert found == read_json(base / "generation_config.json")["lang_to_id"]
    block = Block(weights={"kind": "folder", "path": str(tmp_path / "tuned")})
    assert language_fault("ku", block) is None
    assert "expected one of Whisper's" in language_fault("ga", block)


def test_a_language_without_a_token_of_its_own_lends_none(base, tmp_path):
    (tmp_path / "out").mkdir()
    for lender in ("bs", "ku", "qq"):
        expected = rf"\.sr: expected a language that has a token of its own, got '{lender}'"
        with pytest.raises(InputError, match="language_token" + expected):
            write_base(base, tmp_path / "out", {"sr": lender})


@pytest.mark.parametrize(
    ("language", "closest"),
    [
        ("ku", "closest by family and script: fa, tg, ps"),
        ("ckb", "closest by family and script: fa, ps, tg"),  # of Arabic script, as ku is of Latin
        ("ga", "closest by family and script: cy, br"),
        ("ky", "closest by family and script: kk, tt, ba"),
        ("cv", "closest by family and script: kk, tt, ba, tr"),  # no other of its branch
        ("eo", "closest by script alone: en, de, es, fr"),
        ("iu", "none is close by family or script"),
    ],
)
def test_closest_tokens(language, closest):
    assert closest_tokens(language) == closest


def test_only_tokens_of_the_model_are_close():
    assert closest_tokens("ku", ["en", "tg"]) == "closest by family and script: tg"
