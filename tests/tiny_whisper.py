"""A Whisper small enough for unit tests, random in every weight, with a vocabulary of full size."""

from collections.abc import Sequence
from pathlib import Path

import torch
from ctranslate2.converters import TransformersConverter
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    GenerationConfig,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperTokenizer,
)
from transformers.models.whisper.tokenization_whisper import LANGUAGES


def special_tokens(num_languages: int) -> list[str]:
    """Whisper's own order: 99 languages, and Cantonese as the hundredth since large-v3."""
    languages = [f"<|{code}|>" for code in LANGUAGES][:num_languages]
    return [
        "<|endoftext|>", "<|startoftranscript|>", *languages, "<|translate|>", "<|transcribe|>",
        "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>",
    ]  # fmt: skip


SPECIAL = special_tokens(99)
TIMESTAMPS = [f"<|{index * 0.02:.2f}|>" for index in range(1501)]


def write_tokenizer(
    path: Path, multilingual: bool, timestamps: bool = True, special: Sequence[str] = SPECIAL
) -> None:
    """A ``tokenizer.json`` with Whisper's ids, which spells every word byte by byte."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    # GPT-2's vocabulary has 50256 tokens, the multilingual one 50257.
    fillers = [f"filler{index}" for index in range(50256 + multilingual - len(alphabet))]
    vocabulary = {token: index for index, token in enumerate([*alphabet, *fillers])}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(special))
    if timestamps:
        tokenizer.add_tokens([AddedToken(token, special=False) for token in TIMESTAMPS])
    tokenizer.save(str(path))


def write_transformers(
    folder: Path, multilingual: bool = True, num_languages: int = 99, **sizes: int
) -> WhisperForConditionalGeneration:
    """Write the tiny model as a transformers folder, and return it; ``sizes`` are of its config."""
    folder.mkdir()
    special = special_tokens(num_languages)
    start = 50257 + multilingual
    end, no_timestamps = start - 1, start + len(special) - 2
    sizes = {  # no two alike, so that a mistaken one can't pass
        "num_mel_bins": 20, "d_model": 8, "encoder_layers": 2, "decoder_layers": 3,
        "encoder_attention_heads": 4, "decoder_attention_heads": 2, "encoder_ffn_dim": 12,
        "decoder_ffn_dim": 10, "max_source_positions": 50, "max_target_positions": 14, **sizes,
    }  # fmt: skip
    config = WhisperConfig(
        vocab_size=start + len(special) - 1 + len(TIMESTAMPS), **sizes,
        bos_token_id=end, eos_token_id=end, pad_token_id=end, decoder_start_token_id=start,
        suppress_tokens=None, begin_suppress_tokens=None, dtype="float32",
    )  # fmt: skip
    torch.manual_seed(1)
    model = WhisperForConditionalGeneration(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
    model.generation_config = GenerationConfig(
        bos_token_id=end, eos_token_id=end, pad_token_id=end, decoder_start_token_id=start,
        suppress_tokens=[1, 2, start], begin_suppress_tokens=[220, end],
        max_length=config.max_target_positions,
        alignment_heads=[[1, 0], [2, 1]], no_timestamps_token_id=no_timestamps,
        prev_sot_token_id=no_timestamps - 2, return_timestamps=False,
        max_initial_timestamp_index=50, is_multilingual=multilingual,
    )  # fmt: skip
    if multilingual:
        languages = {token: start + 1 + i for i, token in enumerate(special[2 : 2 + num_languages])}
        model.generation_config.lang_to_id = languages
        tasks = {
            name: start + special.index(f"<|{name}|>") - 1 for name in ("translate", "transcribe")
        }
        model.generation_config.task_to_id = tasks
    model.save_pretrained(folder)
    write_tokenizer(folder / "tokenizer.json", multilingual, special=special)
    tokenizer = WhisperTokenizer(
        tokenizer_file=str(folder / "tokenizer.json"),
        extra_special_tokens=special[1:],
        pad_token=special[0],
    )
    tokenizer.save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=config.num_mel_bins).save_pretrained(folder)
    return model


def write_ctranslate2(transformers_folder: Path, folder: Path, quantization: str) -> None:
    """Convert with CTranslate2's own converter."""
    converter = TransformersConverter(str(transformers_folder), copy_files=["tokenizer.json"])
    converter.convert(str(folder), quantization=quantization)
