"""A Qwen3-ASR in memory: features, audio tower and projector, language model."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import Qwen3ASRForConditionalGeneration

from asr.families.qwen3_asr.model.windows import NAME, windows_of
from asr.families.qwen3_asr.tokens import Qwen3AsrTokens, open_tokens
from asr.families.qwen3_asr.tokens.audio import (
    CHUNK_FRAMES,
    TOKENS_PER_CHUNK,
    num_audio_tokens,
    num_frames,
)
from asr.features.log_mel import frames_of, log_mel
from asr.networks.transformers_folder import check_finite, load_whole
from asr.utterances.waveform import Waveform

# Of the processor; the network writes the other files of a folder.
PROCESSOR_FILES = (
    "tokenizer.json", "tokenizer_config.json", "processor_config.json", "chat_template.jinja",
)  # fmt: skip


@dataclass
class Qwen3Asr:
    """A model and its tokenizer.

    Attributes:
        network: transformers' ``Qwen3ASRForConditionalGeneration``.
        tokens: the tokenizer.
        folder: where both come from.
    """

    network: Any
    tokens: Qwen3AsrTokens
    folder: Path

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        device: torch.device = self.network.device
        return device


@dataclass(frozen=True)
class Features:
    """Log-mels of a batch.

    Attributes:
        log_mel: shape (batch, num_mels, num_frames), whole seconds; zeros after each clip.
        num_frames: frames of each clip.
    """

    log_mel: torch.Tensor
    num_frames: list[int]

    @property
    def num_tokens(self) -> list[int]:
        """Tokens of each clip in the language model."""
        return [num_audio_tokens(frames) for frames in self.num_frames]


def load(folder: Path, device: torch.device, dtype: torch.dtype = torch.float32) -> Qwen3Asr:
    """Load a transformers folder, in evaluation mode.

    The weights must come in ``dtype``: to cast the loaded network would also cast the frequencies
    of its rotary positions, and in bfloat16 a position of 400 would be off by half a radian.

    Raises:
        InputError: if transformers can load no Qwen3-ASR from the folder, or only part of one.
    """
    tokens = open_tokens(folder)
    network = load_whole(Qwen3ASRForConditionalGeneration, folder, ["qwen3_asr"], dtype)
    network.model.audio_tower.set_attn_implementation(NAME)
    network.to(device)
    network.eval()
    return Qwen3Asr(network, tokens, folder)


def features(model: Qwen3Asr, waveforms: Sequence[Waveform], context_s: float) -> Features:
    """Compute log-mels on the CPU: a clip alone and in any batch gives the same bits.

    Beyond a clip they are zero, as in QwenLM's own features of a single clip.
    """
    # One frame more than the tower reads: the last frame's window then ends in silence, and not
    # in a mirror image of the clip where the context happens to end with it.
    length = frames_of(context_s)
    config: Any = model.network.config
    num_mels = int(config.audio_config.num_mel_bins)
    mel = torch.from_numpy(log_mel(waveforms, length + 1, num_mels))[..., :length].contiguous()
    frames = [min(length, num_frames(len(waveform))) for waveform in waveforms]
    for clip, count in zip(mel, frames, strict=True):
        clip[:, count:] = 0.0
    return Features(mel, frames)


def audio_embeddings(network: Any, heard: Features) -> torch.Tensor:
    """Encode and project clips; shape (sum of ``heard.num_tokens``, width), packed."""
    tower = network.model.audio_tower
    device, lengths = network.device, heard.num_tokens
    frames = torch.arange(heard.log_mel.shape[2]) < torch.tensor(heard.num_frames)[:, None]
    longest = tower.config.n_window_infer // CHUNK_FRAMES * TOKENS_PER_CHUNK
    output = network.model.get_audio_features(
        heard.log_mel.to(device, network.dtype),
        frames.to(device),
        # One sequence: `windows` divides it.
        cu_seqlens=torch.tensor([0, sum(lengths)]),
        windows=windows_of(lengths, longest, device),
    )
    return output.pooler_output  # type: ignore[no-any-return]


def embeddings(network: Any, inputs: torch.Tensor, heard: Features) -> torch.Tensor:
    """Embed tokens, with the audio in its places; shape (batch, num_tokens, width)."""
    embedded = network.get_input_embeddings()(inputs)
    audio = audio_embeddings(network, heard).to(embedded.dtype)
    places = (inputs.flatten() == network.config.audio_token_id).nonzero().squeeze(1)
    # Not masked_scatter, which would ignore frames without a place.
    return embedded.flatten(0, 1).index_copy(0, places, audio).view_as(embedded)  # type: ignore[no-any-return]


def save(network: Any, out: Path) -> None:
    """Write weights and configs, as transformers' own class loads them.

    Raises:
        InputError: if a weight is not finite; names it.
    """
    check_finite(network, out)
    network.save_pretrained(out)


def copy_processor(folder: Path, out: Path) -> None:
    """Copy tokenizer and feature extractor, which no training changes."""
    for name in PROCESSOR_FILES:
        shutil.copyfile(folder / name, out / name)
