# python -m pytest -m slow tests/test_ctranslate2_parity.py    (two minutes on two cores)
"""Real weights: what is converted writes as CTranslate2 does; what a script needs is kept."""

from pathlib import Path

import ctranslate2
import numpy as np
import pytest
import torch
from transformers import WhisperForConditionalGeneration, WhisperProcessor

from asr.audio.decoding import decode
from asr.core.params import load_block
from asr.families.whisper.base import Block, bring_base
from asr.families.whisper.runtime import to_ctranslate2
from asr.families.whisper.runtime.ctranslate2_format import read_model
from asr.families.whisper.runtime.ctranslate2_names import stacked_parameters
from asr.families.whisper.runtime.scripts import tokens_of
from asr.families.whisper.tokens import text_tokens
from asr.families.whisper.tokens.description import read_description, read_tokenizer
from asr.sources.corpus_source import bring, load_source
from asr.sources.weights import bring_weights
from asr.utterances.waveform import SAMPLE_RATE, Waveform

NUM_CLIPS = 50
BATCH = 10
PROMPT = ["<|startoftranscript|>", "<|bg|>", "<|transcribe|>", "<|notimestamps|>"]


@pytest.fixture(scope="module")
def clips() -> list[Waveform]:
    """Bulgarian, spread over the corpus: zero-shot Whisper-base is at its worst there."""
    source = load_source("tuxpaint_stamps")
    files = sorted(bring(source, lambda name: name.endswith("_desc_bg.ogg")))
    every = len(files) // NUM_CLIPS
    return [decode(audio, max_duration_s=60.0).waveform for _, audio in files[::every][:NUM_CLIPS]]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The CTranslate2 folder and the transformers folder made of it."""
    block = load_block(Path("conf/models.yaml"), ("whisper", "base"), Block)
    original = bring_weights(block.weights, tmp_path_factory.mktemp("ctranslate2"))
    converted = tmp_path_factory.mktemp("transformers")
    bring_base(block, {"weights": original}, converted)
    return original, converted


@pytest.mark.slow
def test_the_same_greedy_text_on_fifty_clips(clips, folders):
    original, converted = folders
    processor = WhisperProcessor.from_pretrained(converted)
    model = WhisperForConditionalGeneration.from_pretrained(converted).eval()
    reference = ctranslate2.models.Whisper(str(original), compute_type="float32")
    texts: list[tuple[str, str]] = []
    for start in range(0, NUM_CLIPS, BATCH):
        batch = clips[start : start + BATCH]
        # Shape (BATCH, 80, 3000): padded to the full 30 s.
        features = processor.feature_extractor(
            batch, sampling_rate=SAMPLE_RATE, return_tensors="pt"
        ).input_features
        texts += zip(
            greedy_ctranslate2(reference, processor, features.numpy()),
            greedy_transformers(model, processor, features),
            strict=True,
        )
    assert len(texts) == NUM_CLIPS
    assert all(text.strip() for text, _ in texts)  # two silent models would agree as well
    assert [pair for pair in texts if pair[0] != pair[1]] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("Cyrillic", "Ўчора, 3 лістапада — «Їжак» і ёлка: ђак, љубав, ѐ!"),
        ("Hebrew", "שָׁלוֹם, עוֹלָם־קָטָן 24"),
        ("Georgian", "გამარჯობა, მსოფლიო!"),
        ("Latin", "Čovjek, ča je đak? Straße, naïve; ½"),
    ],
)
def test_whatever_a_script_has_its_tokens_write(folders, script, text):
    tokenizer = read_tokenizer(folders[1])
    end = tokenizer.token_to_id("<|endoftext|>")
    kept = tokens_of([script], tokenizer, end)
    assert set(text_tokens(tokenizer, text)) <= set(kept)
    assert len(kept) < end


@pytest.mark.slow
def test_the_way_to_transformers_and_back_loses_no_bit(folders, tmp_path):
    original, converted = folders
    about, tokenizer = read_description(converted), read_tokenizer(converted)
    everything = range(about.vocab_size)
    to_ctranslate2.convert(converted, about, tokenizer, everything, "float32", tmp_path / "again")
    before, after = (read_model(folder / "model.bin") for folder in (original, tmp_path / "again"))
    for name in stacked_parameters(about.encoder_layers, about.decoder_layers):
        variable = before.variables[before.aliases.get(name, name)]
        assert np.array_equal(after.variables[name].data, variable.float32()), name


def greedy_ctranslate2(
    model: ctranslate2.models.Whisper, processor: WhisperProcessor, features: np.ndarray
) -> list[str]:
    prompt = processor.tokenizer.convert_tokens_to_ids(PROMPT)
    storage = ctranslate2.StorageView.from_array(features)
    results = model.generate(storage, [prompt] * len(features), beam_size=1, max_length=448)
    tokens = [result.sequences_ids[0] for result in results]
    return processor.batch_decode(tokens, skip_special_tokens=True)


def greedy_transformers(
    model: WhisperForConditionalGeneration, processor: WhisperProcessor, features: torch.Tensor
) -> list[str]:
    tokens = model.generate(features, language="bg", task="transcribe", num_beams=1)
    return processor.batch_decode(tokens, skip_special_tokens=True)
