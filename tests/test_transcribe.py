"""Transcribing a test set with an engine whose every answer is known."""

import re
from pathlib import Path

import numpy as np
import pytest

from asr.audit.listening import judge_budget
from asr.core.params import load_family_params, load_params
from asr.decoding.params import DecodeParams
from asr.decoding.transcribe import (
    ComputedSeconds,
    token_budget,
    tokens_per_letter,
    transcribe_all,
)
from asr.families.whisper.decoding import computed_seconds
from asr.families.whisper.decoding.params import WhisperDecodeParams
from asr.families.whisper.judge.scope import WhisperScope
from asr.families.whisper.tokens import open_tokens
from asr.families.whisper.window import write_margin
from asr.preparation.params import PrepareParams
from asr.sources.corpus_source import fetch_files, load_source
from asr.sources.params import FetchParams
from asr.training.dev import dev_budget
from asr.utterances.hypothesis import Hypothesis
from tests.examples import utterance
from tests.sentences import SENTENCES
from tests.starter import SOURCE
from tests.tiny_tokens import write_tokens

ROOT = Path(__file__).parent.parent
UTTERANCES = [utterance(str(i), duration_s=length) for i, length in enumerate([1.0, 3.0, 0.5, 2.0])]
WAVEFORMS = [np.zeros(round(u.duration_s * 16_000), np.float32) for u in UTTERANCES]


class Engine:
    """Hears how long a clip is; loops on some clips, in contexts below ``cured_from_s``."""

    def __init__(self, num_workers=1, loops_on=(), cured_from_s=0.0):
        self.num_workers, self.loops_on, self.cured_from_s = num_workers, loops_on, cured_from_s
        self.calls = []

    def transcribe(self, waveforms, utterances, context_s, budgets):
        self.calls.append(([u.id for u in utterances], context_s, budgets))
        looping = context_s < self.cured_from_s
        return [
            Hypothesis(id=u.id, text=f"{len(waveform) / 16_000} s",
                       num_tokens=round(2 * context_s),
                       mean_log_prob=-0.1, runaway=looping and u.id in self.loops_on)
            for u, waveform in zip(utterances, waveforms, strict=True)
        ]  # fmt: skip


def params(**changes):
    values = {"batch_seconds": 3.0, **changes}
    return load_params("decode", DecodeParams, ROOT / "params.yaml").model_copy(update=values)


def clip_and(margin_s):
    return ComputedSeconds(lambda s: s + margin_s, lambda s: s + 8.0)


@pytest.mark.parametrize("num_workers", [1, 3])
def test_hypotheses_come_in_the_utterances_order(num_workers):
    heard, seconds = transcribe_all(
        Engine(num_workers), WAVEFORMS, UTTERANCES, clip_and(0.5), params()
    )
    assert [h.id for h in heard] == [u.id for u in UTTERANCES]
    assert [h.text for h in heard] == ["1.0 s", "3.0 s", "0.5 s", "2.0 s"]
    assert seconds > 0


def test_batches_are_of_like_length_the_longest_first():
    engine = Engine()
    transcribe_all(engine, WAVEFORMS, UTTERANCES, clip_and(0.28), params())
    assert [ids for ids, _, _ in engine.calls] == [["xx/1"], ["xx/3"], ["xx/2", "xx/0"]]
    assert [context for _, context, _ in engine.calls] == pytest.approx([3.28, 2.28, 1.28])


def test_without_a_second_try_what_ran_away_stays():
    engine = Engine(loops_on=["xx/0"], cured_from_s=5.0)
    heard, _ = transcribe_all(
        engine, WAVEFORMS, UTTERANCES, ComputedSeconds(lambda s: s + 0.5), params()
    )
    assert [h.id for h in heard if h.runaway] == ["xx/0"]
    assert sum(len(ids) for ids, _, _ in engine.calls) == len(UTTERANCES)


def own(**changes):
    path = ROOT / "params.yaml"
    params = load_family_params("whisper", "decode", WhisperDecodeParams, path)
    return params.model_copy(update=changes)


def test_whisper_computes_the_clip_and_the_margin_it_was_trained_for(tmp_path):
    untuned = computed_seconds(tmp_path, own(fallback_margin_s=8.0))
    assert (untuned.first(1.0), untuned.again) == (pytest.approx(9.28), None)
    write_margin(tmp_path, 0.5)
    tuned = computed_seconds(tmp_path, own(fallback_margin_s=8.0))
    assert (tuned.first(1.0), tuned.again(1.0)) == pytest.approx((1.6, 9.28))


def test_whisper_in_full_context_computes_its_window_for_all(tmp_path):
    full = computed_seconds(tmp_path, own(context="full"))
    assert (full.first(0.5), full.first(30.0), full.again) == (30.0, 30.0, None)


def test_what_ran_away_is_heard_again_in_a_longer_context():
    engine = Engine(loops_on=["xx/0"], cured_from_s=5.0)
    heard, _ = transcribe_all(engine, WAVEFORMS, UTTERANCES, clip_and(0.5), params())
    assert engine.calls[-1][:2] == (["xx/0"], pytest.approx(9.0))
    assert not any(h.runaway for h in heard)


def test_what_runs_away_again_stays_as_it_was():
    engine = Engine(loops_on=["xx/0"], cured_from_s=99.0)
    heard, _ = transcribe_all(engine, WAVEFORMS, UTTERANCES, clip_and(0.5), params())
    assert [h.runaway for h in heard] == [True, False, False, False]
    assert heard[0].num_tokens == round(2 * engine.calls[-2][1])  # not of the last context, 9 s
    assert heard[0].num_tokens != round(2 * engine.calls[-1][1])


def test_token_budget_grows_with_the_clip_from_a_least():
    budgets = params(max_tokens_per_s=25.0, min_token_budget=16)
    assert token_budget(2.0, budgets, 1.0) == 50
    assert token_budget(0.3, budgets, 1.0) == 16
    assert token_budget(2.0, budgets) == 200  # four tokens a letter where no transcript says less


@pytest.mark.parametrize(("language", "text"), SENTENCES.items())
def test_a_perfect_hypothesis_of_the_fastest_speech_is_never_cut(tmp_path, language, text):
    """The tiny tokenizer has a token a byte: no tokenizer of Whisper's has more."""
    tokens = open_tokens(write_tokens(tmp_path))
    fastest = load_params("prepare", PrepareParams, ROOT / "params.yaml").max_chars_per_s
    train = [utterance(str(i), text=t, language=k) for i, (k, t) in enumerate(SENTENCES.items())]
    duration_s = len(text) / fastest
    needed = tokens.num_labels(text, language) + 1
    per_letter = tokens_per_letter(train, tokens)
    assert needed <= token_budget(duration_s, params(), per_letter[language])
    scope = WhisperScope(None, 4.0, tokens.tokenizer)
    own = utterance("a", text=text, language=language, duration_s=duration_s)
    assert needed - 1 <= judge_budget(own, scope)  # CTranslate2 counts no end token


def test_tokens_per_letter_are_by_language_and_at_least_one():
    class Bytes:
        def num_labels(self, text, language):
            return len(text.encode())

    train = [utterance("a", text="ab"), utterance("b", text="აბ", language="ka")]
    half = [utterance("c", text="x", language="en")]
    assert tokens_per_letter([*train, *half], Bytes()) == {"be": 2.0, "ka": 5.0, "en": 2.0}


def test_a_language_with_long_tokens_keeps_a_token_a_letter():
    class Words:
        def num_labels(self, text, language):
            return len(text.split())

    assert tokens_per_letter([utterance("a", text="адзін два тры")], Words()) == {"be": 1.0}


def test_each_clip_has_the_budget_of_its_language():
    engine = Engine()
    train = {"be": 2.0}
    transcribe_all(engine, WAVEFORMS, UTTERANCES, clip_and(0.28), params(), train)
    assert engine.calls[0][2] == [150]  # 3 s of 25 tokens, twice


@pytest.mark.slow
def test_no_perfect_hypothesis_in_any_language_of_the_package_is_cut(starter):
    """All transcripts of tuxpaint-stamps, in some 90 languages, with Whisper's own tokenizer."""
    texts = {}
    limits = load_params("fetch", FetchParams)
    for _, content in fetch_files(load_source(SOURCE), lambda name: name.endswith(".txt"), limits):
        for line in bytes(content).decode("utf-8", "replace").splitlines():
            locale, separator, text = line.partition(".utf8=")
            if separator and text.strip():
                texts.setdefault(re.split("[_@]", locale)[0], []).append(text.strip())
    tokens = open_tokens(starter / "base")
    train = [utterance(f"{k}{i}", text=t, language=k)
             for k, some in texts.items() for i, t in enumerate(some)]  # fmt: skip
    per_letter = tokens_per_letter(train[::2], tokens)
    whole = params()
    cut = []
    for one in train:
        num_tokens = tokens.num_labels(one.text, one.language)
        per = per_letter.get(one.language, 4.0)
        # At 25 letters a second, the fastest speech that prepare keeps.
        budget = token_budget(len(one.text) / 25.0, whole, per)
        if num_tokens > budget or num_tokens + 1 > dev_budget(one, tokens):
            cut.append((one.id, num_tokens, budget, one.text))
    assert len(texts) > 60
    assert cut == []
