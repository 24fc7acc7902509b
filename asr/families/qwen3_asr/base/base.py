"""Write a pretrained Qwen3-ASR of any supported form as a transformers folder."""

from pathlib import Path
from typing import Any

import torch
from transformers import (
    GenerationConfig,
    Qwen3ASRConfig,
    Qwen3ASRFeatureExtractor,
    Qwen3ASRForConditionalGeneration,
    Qwen3ASRProcessor,
)
from transformers.utils import logging

from asr.core.errors import InputError
from asr.core.files import read_json
from asr.families.qwen3_asr.base.chat_template import CHAT_TEMPLATE
from asr.families.qwen3_asr.base.original import flat_config, is_original, renamed
from asr.families.qwen3_asr.base.random_weights import random_model
from asr.families.qwen3_asr.base.tensors import read_tensors
from asr.families.qwen3_asr.base.vocabulary import check_vocabulary, read_tokenizer
from asr.families.qwen3_asr.model.model import save
from asr.families.qwen3_asr.tokens import END_OF_TEXT, END_OF_TURN
from asr.families.qwen3_asr.tokens.audio import CHUNK_FRAMES, HOP
from asr.networks.transformers_folder import check_loading
from asr.sources.weights import RANDOM
from asr.utterances.waveform import SAMPLE_RATE


def write_base(weights: Path, out: Path) -> None:
    """Write the model of ``weights`` into the empty folder ``out``, in float32.

    Args:
        weights: a folder in transformers' form (``…-hf`` on the hub) or in QwenLM's own, or a
            folder with ``random.json``.
        out: filled with weights, configs, tokenizer and processor; same weights, same bytes.

    Raises:
        InputError: if the folder holds no Qwen3-ASR, only part of one, or parts of two.
    """
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    if (weights / RANDOM).is_file():
        network, tokenizer = random_model(weights / RANDOM)
    else:
        config = _config(weights)
        tokenizer = read_tokenizer(weights)
        check_vocabulary(tokenizer, config, weights)
        _check_features(weights, config)
        network = _network(weights, config)
    _write(network, tokenizer, out)


def _config(folder: Path) -> Any:
    path = folder / "config.json"
    if not path.is_file():
        there = sorted(file.name for file in folder.iterdir())
        raise InputError(f"{folder}: expected config.json, got {there}")
    content = read_json(path)
    if not isinstance(content, dict) or content.get("model_type") != "qwen3_asr":
        kind = content.get("model_type") if isinstance(content, dict) else content
        raise InputError(f"{path}: model_type: expected 'qwen3_asr', got {kind!r:.80}")
    names = content.get("architectures") or []
    if "classify_num" in content.get("thinker_config", {}) or any("Token" in n for n in names):
        raise InputError(f"{path}: expected a model that transcribes, got a forced aligner")
    try:
        config: Any = Qwen3ASRConfig(**(flat_config(content) if is_original(content) else content))
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise InputError(f"{path}: expected a config of Qwen3-ASR, got {error}") from error
    if config.audio_config.n_window * 2 != CHUNK_FRAMES:
        raise InputError(
            f"{path}: audio_config.n_window: expected {CHUNK_FRAMES // 2}, chunks of one second, "
            f"got {config.audio_config.n_window}"
        )
    return config


def _network(folder: Path, config: Any) -> Any:
    tensors = {renamed(name): tensor for name, tensor in read_tensors(folder).items()}
    head = tensors.get("lm_head.weight")
    embedding = tensors.get("model.language_model.embed_tokens.weight")
    if head is not None and embedding is not None:
        # Asked of the weights: a folder may hold a head of its own and say nothing of it.
        tied = torch.equal(head, embedding)
        config.tie_word_embeddings = config.text_config.tie_word_embeddings = tied
    config.dtype = torch.float32
    try:
        loaded: Any = Qwen3ASRForConditionalGeneration.from_pretrained(
            None,
            config=config,
            state_dict=tensors,
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are in the loading info, by name
        )
    except (ValueError, RuntimeError, KeyError) as error:
        raise InputError(f"{folder}: transformers can't load it: {error}") from error
    network, loading = loaded
    check_loading(folder, loading)
    return network


def _check_features(folder: Path, config: Any) -> None:
    """Compare the feature extractor's settings with those of our own features and the tower."""
    expected = {
        "feature_size": config.audio_config.num_mel_bins,
        "sampling_rate": SAMPLE_RATE,
        "hop_length": HOP,
        "n_fft": 400,
    }
    for name in ("processor_config.json", "preprocessor_config.json"):
        if not (folder / name).is_file():
            continue
        content = read_json(folder / name)
        settings = content.get("feature_extractor", content) if isinstance(content, dict) else None
        if not isinstance(settings, dict):
            raise InputError(f"{folder / name}: expected settings by name, got {content!r:.80}")
        for key, value in expected.items():
            if (got := settings.get(key, value)) != value:
                raise InputError(f"{folder / name}: {key}: expected {value}, got {got}")


def _write(network: Any, tokenizer: Any, out: Path) -> None:
    end, pad = tokenizer.convert_tokens_to_ids([END_OF_TURN, END_OF_TEXT])
    network.config.eos_token_id = [pad, end]
    network.config.pad_token_id = end
    # As in the folders on the hub.
    network.generation_config = GenerationConfig(
        eos_token_id=[pad, end], pad_token_id=end, do_sample=False, max_new_tokens=512
    )  # type: ignore[no-untyped-call]
    save(network, out)
    num_mels = network.config.audio_config.num_mel_bins
    extractor = Qwen3ASRFeatureExtractor(num_mels)  # type: ignore[no-untyped-call]
    Qwen3ASRProcessor(extractor, tokenizer, chat_template=CHAT_TEMPLATE).save_pretrained(out)
