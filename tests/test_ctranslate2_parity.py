# python -m pytest tests/test_ctranslate2_parity.py    (half a minute)
"""Real weights: what is converted writes as CTranslate2 does; what a script needs is kept."""

import ctranslate2
import numpy as np
import pytest
import torch
from transformers import WhisperForConditionalGeneration, WhisperProcessor

from asr.ctranslate2_files.format import read_model
from asr.ctranslate2_files.names import stacked_parameters
from asr.families.whisper.runtime import to_ctranslate2
from asr.families.whisper.runtime.scripts import tokens_of_scripts
from asr.families.whisper.tokens import text_tokens
from asr.families.whisper.tokens.description import read_description, read_tokenizer
from asr.utterances.waveform import SAMPLE_RATE
from tests.starter import starter_clips

NUM_CLIPS = 5
NUM_TOKENS = 60  # a clip that runs away writes the same few ones up to the 448th
PROMPT = ["<|startoftranscript|>", "<|bg|>", "<|transcribe|>", "<|notimestamps|>"]


@pytest.mark.integration
def test_the_same_greedy_text(starter):
    """Of Bulgarian clips: zero-shot Whisper-base is at its worst there."""
    processor = WhisperProcessor.from_pretrained(starter / "base")
    model = WhisperForConditionalGeneration.from_pretrained(starter / "base").eval()
    reference = ctranslate2.models.Whisper(str(starter / "parts"), compute_type="float32")
    clips = [waveform for _, waveform in starter_clips(starter, "bg", NUM_CLIPS)]
    # Shape (NUM_CLIPS, 80, 3000): padded to the full 30 s.
    features = processor.feature_extractor(
        clips, sampling_rate=SAMPLE_RATE, return_tensors="pt"
    ).input_features
    ours = greedy_transformers(model, processor, features)
    assert all(text.strip() for text in ours)  # two silent models would agree as well
    assert ours == greedy_ctranslate2(reference, processor, features.numpy())


@pytest.mark.integration
@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("Cyrillic", "Ўчора, 3 лістапада — «Їжак» і ёлка: ђак, љубав, ѐ!"),
        ("Hebrew", "שָׁלוֹם, עוֹלָם־קָטָן 24"),
        ("Georgian", "გამარჯობა, მსოფლიო!"),
        ("Latin", "Čovjek, ča je đak? Straße, naïve; ½"),
    ],
)
def test_whatever_a_script_has_its_tokens_write(starter, script, text):
    tokenizer = read_tokenizer(starter / "base")
    end = tokenizer.token_to_id("<|endoftext|>")
    no_timestamps = tokenizer.token_to_id("<|notimestamps|>")
    kept = tokens_of_scripts([script], tokenizer, end, no_timestamps)
    assert set(text_tokens(tokenizer, text)) <= set(kept)
    assert len(kept) < end


@pytest.mark.integration
def test_the_way_to_transformers_and_back_loses_no_bit(starter, tmp_path):
    base = starter / "base"
    about, tokenizer = read_description(base), read_tokenizer(base)
    everything = range(about.vocab_size)
    to_ctranslate2.convert(base, about, tokenizer, everything, "float32", tmp_path / "again")
    folders = starter / "parts", tmp_path / "again"
    before, after = (read_model(folder / "model.bin") for folder in folders)
    for name in stacked_parameters(about.encoder_layers, about.decoder_layers):
        variable = before.variables[before.aliases.get(name, name)]
        assert np.array_equal(after.variables[name].data, variable.float32()), name


def greedy_ctranslate2(
    model: ctranslate2.models.Whisper, processor: WhisperProcessor, features: np.ndarray
) -> list[str]:
    prompt = processor.tokenizer.convert_tokens_to_ids(PROMPT)
    storage = ctranslate2.StorageView.from_array(features)
    results = model.generate(storage, [prompt] * len(features), beam_size=1, max_length=NUM_TOKENS)
    tokens = [result.sequences_ids[0] for result in results]
    return processor.batch_decode(tokens, skip_special_tokens=True)


def greedy_transformers(
    model: WhisperForConditionalGeneration, processor: WhisperProcessor, features: torch.Tensor
) -> list[str]:
    tokens = model.generate(
        features, language="bg", task="transcribe", num_beams=1, max_new_tokens=NUM_TOKENS
    )
    return processor.batch_decode(tokens, skip_special_tokens=True)
