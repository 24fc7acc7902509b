"""From clips and transcripts to what Whisper's loss needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from torch import nn

from asr.core.errors import InputError
from asr.families.whisper.model.model import Whisper, decode, encode
from asr.families.whisper.tokens import prompt_tokens, text_tokens
from asr.families.whisper.training.subwords import Subwords
from asr.features.log_mel import HOP, frames_of, log_mel
from asr.training.augmentation.spec_augment import spec_augment
from asr.training.params import SpecAugmentParams
from asr.utterances.utterance import Utterance

IGNORED = -100  # cross_entropy's own


@dataclass(frozen=True)
class Hidden:
    """What is hidden of clips and texts while a model learns.

    Attributes:
        spec_augment: stripes of the spectrogram.
        token_dropout: share of the tokens that the decoder reads.
        subword_dropout: share of the text's tokens that are cut in two.
    """

    spec_augment: SpecAugmentParams
    token_dropout: float
    subword_dropout: float


def _check_length(whisper: Whisper, utterance: Utterance, num_tokens: int) -> None:
    if num_tokens > whisper.max_tokens:
        raise InputError(
            f"{utterance.id}: expected at most {whisper.max_tokens} tokens, the decoder's "
            f"positions, got {num_tokens} for {utterance.text!r:.80}"
        )


@dataclass(frozen=True)
class LossBatch:
    """Tensors of one batch: its log-mels, or the encoder's output for them.

    Attributes:
        inputs: tokens the decoder reads, shape (batch, num_tokens), right-padded.
        targets: tokens it shall predict, same shape; ``IGNORED`` where it need not.
        log_mel: shape (batch, num_mels, num_frames).
        encoded: encoder output, shape (batch, num_positions, d_model), right-padded.
        encoded_mask: whether a position of it is the clip's own, shape (batch, num_positions).
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    log_mel: torch.Tensor | None = None
    encoded: torch.Tensor | None = None
    encoded_mask: torch.Tensor | None = None

    @property
    def num_targets(self) -> int:
        """Tokens that the loss is summed over."""
        return int((self.targets != IGNORED).sum())


def loss_batch(
    whisper: Whisper,
    waveforms: Sequence[npt.NDArray[np.float32]],
    utterances: Sequence[Utterance],
    context_s: float,
    hidden: Hidden | None = None,
    seeds: Sequence[int] = (),
    *,
    zeros: bool = False,
) -> LossBatch:
    """Build the batch: the prompt is given, the text and the end token are to be learned.

    Args:
        whisper: the model.
        waveforms: float32, mono, 16 kHz, none longer than ``context_s``.
        utterances: the same clips, with transcripts.
        context_s: seconds that the encoder computes, for every clip of the batch.
        hidden: what is hidden of clips and texts; None for nothing.
        seeds: each clip's own, so that what is hidden of it doesn't depend on its company.
        zeros: whether what follows a clip is zeros in the log-mel, as faster-whisper pads.

    Raises:
        InputError: for a transcript longer than the decoder, naming the utterance.
    """
    chances = [torch.Generator().manual_seed(seed) for seed in seeds]
    inputs, targets = _tokens(whisper, utterances, hidden, chances)
    mel = torch.from_numpy(log_mel(waveforms, frames_of(context_s), whisper.num_mels))
    if zeros:
        for clip, waveform in zip(mel, waveforms, strict=True):
            clip[:, len(waveform) // HOP + 1 :] = 0.0
    if hidden is not None:
        frames = [len(waveform) // HOP for waveform in waveforms]
        mel = spec_augment(mel, frames, hidden.spec_augment, chances)
    return LossBatch(inputs, targets, log_mel=mel.to(whisper.device))


def cached_loss_batch(
    whisper: Whisper,
    outputs: Sequence[npt.NDArray[np.float16]],
    utterances: Sequence[Utterance],
    hidden: Hidden | None = None,
    seeds: Sequence[int] = (),
) -> LossBatch:
    """Build the batch from what the encoder said of the clips before.

    Args:
        whisper: the model.
        outputs: of the encoder, each of shape (num_positions, d_model).
        utterances: the same clips, with transcripts.
        hidden: what is hidden of the texts; None for nothing.
        seeds: each clip's own, as for ``loss_batch``.

    Raises:
        InputError: for a transcript longer than the decoder, naming the utterance.
    """
    chances = [torch.Generator().manual_seed(seed) for seed in seeds]
    inputs, targets = _tokens(whisper, utterances, hidden, chances)
    longest = max(len(output) for output in outputs)
    encoded = torch.zeros(len(outputs), longest, outputs[0].shape[1])
    encoded_mask = torch.zeros(len(outputs), longest, dtype=torch.bool)
    for row, output in enumerate(outputs):
        encoded[row, : len(output)] = torch.from_numpy(output.astype(np.float32))
        encoded_mask[row, : len(output)] = True
    return LossBatch(
        inputs,
        targets,
        encoded=encoded.to(whisper.device),
        encoded_mask=None if encoded_mask.all() else encoded_mask.to(whisper.device),
    )


def _tokens(
    whisper: Whisper,
    utterances: Sequence[Utterance],
    hidden: Hidden | None,
    chances: Sequence[torch.Generator],
) -> tuple[torch.Tensor, torch.Tensor]:
    """What the decoder reads and what it shall predict, as ``LossBatch`` has them."""
    tokenizer, generation = whisper.tokenizer, whisper.network.generation_config
    end = generation.eos_token_id
    rows = []
    for row, utterance in enumerate(utterances):
        prompt = prompt_tokens(generation, utterance.language)
        text = text_tokens(tokenizer, utterance.text)
        if hidden is not None:
            more = _subwords(tokenizer).dropped(text, hidden.subword_dropout, chances[row])
            text = more if len(prompt) + len(more) <= whisper.max_tokens else text
        _check_length(whisper, utterance, len(prompt) + len(text))
        # The last token of the prompt predicts the first of the text.
        read = text
        if hidden is not None:
            unread = torch.rand(len(text), generator=chances[row]) < hidden.token_dropout
            read = [end if u else token for token, u in zip(text, unread, strict=True)]
        rows.append((prompt + read, [IGNORED] * (len(prompt) - 1) + text + [end]))
    longest = max(len(inputs) for inputs, _ in rows)
    return (
        _padded([inputs for inputs, _ in rows], longest, end).to(whisper.device),
        _padded([targets for _, targets in rows], longest, IGNORED).to(whisper.device),
    )


@cache
def _subwords(tokenizer: Tokenizer) -> Subwords:
    return Subwords(tokenizer)


def _padded(rows: list[list[int]], length: int, value: int) -> torch.Tensor:
    return torch.tensor([row + [value] * (length - len(row)) for row in rows])


class SummedLoss(nn.Module):
    """Cross-entropy summed over the target tokens of a batch.

    The projection on the vocabulary is the widest product of the decoder (51 865 columns), so it is
    computed where there is a target and nowhere else. Padding stands right of the text: the causal
    mask hides it from every target, so it needs no mask of its own.
    """

    def __init__(self, whisper: Whisper) -> None:
        super().__init__()
        self.network = whisper.network
        self._whisper = whisper

    def forward(self, batch: LossBatch) -> torch.Tensor:
        """Return the sum, a scalar."""
        network: Any = self.network
        encoded = batch.encoded
        if encoded is None:
            encoded = encode(self._whisper, batch.log_mel)  # type: ignore[arg-type]
        hidden = decode(self._whisper, batch.inputs, encoded, batch.encoded_mask)
        wanted = batch.targets != IGNORED
        logits = network.proj_out(hidden[wanted])
        return nn.functional.cross_entropy(logits.float(), batch.targets[wanted], reduction="sum")
