"""Embeddings that the language model reads: the prompt with a clip in it, and a transcript."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from asr.families.speech_llm.model.model import SpeechLlm
from asr.families.speech_llm.tokens import prompt_tokens
from asr.families.speech_llm.window import context_s, num_positions
from asr.features.log_mel import frames_of, log_mel
from asr.generation.causal_lm import mask_of_lengths, right_padded
from asr.networks.whisper_encoder import encode_mel
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import SAMPLE_RATE, Waveform


@dataclass(frozen=True)
class Audio:
    """Clips of a batch, with either ``log_mel`` or ``encoded``.

    A clip has the context that it has alone: nothing of its batch changes what is computed for it.

    Attributes:
        lengths: encoder positions of each clip.
        log_mel: shape (batch, num_mels, num_frames), 0 beyond a clip's own context.
        encoded: encoder output, shape (batch, num_positions, width), right-padded.
    """

    lengths: tuple[int, ...]
    log_mel: torch.Tensor | None = None
    encoded: torch.Tensor | None = None


def own_context_s(waveform: Waveform, margin_s: float) -> float:
    """Seconds that the encoder computes for a clip, whatever its batch."""
    # Rounded as in the manifests, so that a cached output has the same length.
    return context_s(round(len(waveform) / SAMPLE_RATE, 4), margin_s)


def audio_of(
    model: SpeechLlm,
    waveforms: Sequence[Waveform],
    augment: Callable[[torch.Tensor, int], torch.Tensor] | None = None,
) -> Audio:
    """Log-mels of clips, on the CPU.

    Args:
        model: the model.
        waveforms: float32, mono, 16 kHz.
        augment: changes the log-mel of a clip, shape (1, num_mels, num_frames), whose index among
            the waveforms it gets too; None for no change.
    """
    contexts_s = [own_context_s(waveform, model.joint.margin_s) for waveform in waveforms]
    num_mels = model.encoder.num_mel_bins
    mel = torch.zeros(len(waveforms), num_mels, frames_of(max(contexts_s)))
    for index, (waveform, seconds) in enumerate(zip(waveforms, contexts_s, strict=True)):
        frames = frames_of(seconds)
        own = torch.from_numpy(log_mel([waveform], frames, num_mels))
        mel[index : index + 1, :, :frames] = augment(own, index) if augment else own
    return Audio(tuple(num_positions(seconds) for seconds in contexts_s), log_mel=mel)


def cached_audio(outputs: Sequence[npt.NDArray[np.float16]]) -> Audio:
    """Cached encoder outputs of clips, each of shape (num_positions, width); on the CPU."""
    lengths = tuple(len(output) for output in outputs)
    encoded = torch.zeros(len(outputs), max(lengths), outputs[0].shape[1])
    for row, output in zip(encoded, outputs, strict=True):
        row[: len(output)] = torch.from_numpy(output.astype(np.float32))
    return Audio(lengths, encoded=encoded)


def prompts(
    model: SpeechLlm, utterances: Sequence[Utterance], audio: Audio
) -> list[tuple[list[int], list[int], list[int]]]:
    """Tokens of each prompt before, in place of, and behind the clip."""
    rows = []
    for utterance, stacks in zip(utterances, num_stacks(model, audio), strict=True):
        before, after = prompt_tokens(model.words, utterance.language)
        rows.append((before, [0] * stacks, after))
    return rows


@dataclass(frozen=True)
class Inputs:
    """What the language model reads, on the device of the model.

    Attributes:
        tokens: shape (batch, length), right-padded; any token where the clip is.
        is_audio: whether an embedding of the clip stands there, same shape.
        mask: 1 for tokens and clip, 0 for padding, same shape.
        audio: the clips.
    """

    tokens: torch.Tensor
    is_audio: torch.Tensor
    mask: torch.Tensor
    audio: Audio


def inputs_of(
    model: SpeechLlm,
    rows: Sequence[tuple[list[int], list[int], list[int]]],
    audio: Audio,
    texts: Sequence[list[int]],
) -> Inputs:
    """Join prompts, clips and the tokens of transcripts, as far as there are any."""
    device = model.device
    tokens = [[*b, *clip, *a, *text] for (b, clip, a), text in zip(rows, texts, strict=True)]
    is_audio = [[0] * len(b) + [1] * len(clip) for b, clip, _ in rows]
    longest = max(len(row) for row in tokens)
    padded = [[*row, *[0] * (longest - len(row))] for row in is_audio]
    return Inputs(
        right_padded(tokens, 0).to(device),
        torch.tensor(padded, dtype=torch.bool, device=device),
        mask_of_lengths([len(row) for row in tokens], device),
        Audio(audio.lengths, _moved(audio.log_mel, device), _moved(audio.encoded, device)),
    )


def _moved(tensor: torch.Tensor | None, device: torch.device) -> torch.Tensor | None:
    return None if tensor is None else tensor.to(device)


def project(model: SpeechLlm, audio: Audio) -> torch.Tensor:
    """Frames of the projector, shape (batch, num_stacks, embedding_width)."""
    encoded = audio.encoded
    if encoded is None:
        with torch.no_grad():
            mel = audio.log_mel.to(model.encoder.conv1.weight.dtype)  # type: ignore[union-attr]
            encoded = encode_mel(model.encoder, mel, audio.lengths)
    kind = model.projector.linear_in.weight.dtype
    return model.projector(encoded.to(kind))  # type: ignore[no-any-return]


def num_stacks(model: SpeechLlm, audio: Audio) -> list[int]:
    """Frames of the projector for each clip; those behind them mean nothing."""
    return [length // model.joint.stack for length in audio.lengths]


def embed(model: SpeechLlm, inputs: Inputs, projected: torch.Tensor) -> torch.Tensor:
    """Embeddings of a batch, shape (batch, length, embedding_width)."""
    stacks = num_stacks(model, inputs.audio)
    there = torch.arange(projected.shape[1], device=projected.device)
    frames = projected[there < torch.tensor(stacks, device=projected.device)[:, None]]
    embedded: torch.Tensor = model.language_model.get_input_embeddings()(inputs.tokens)
    places = inputs.is_audio.flatten().nonzero().squeeze(1)
    # Not masked_scatter: by torch's own list, its gradient fails on MPS.
    placed = embedded.flatten(0, 1).index_copy(0, places, frames.to(embedded.dtype))
    return placed.view_as(embedded)
