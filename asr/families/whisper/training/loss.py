"""Whisper's loss, and the batches of clips and transcripts that it takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from asr.families.whisper.model.model import Whisper, decode, encode
from asr.families.whisper.training.example_tokens import Regularization, example_tokens
from asr.features.log_mel import HOP, frames_of, log_mel
from asr.training.augmentation.spec_augment import spec_augment
from asr.utterances.utterance import Utterance

IGNORED = -100  # the default ``ignore_index`` of ``cross_entropy``


@dataclass(frozen=True)
class LossBatch:
    """Tensors of one batch, with either ``log_mel`` or ``encoded``.

    Attributes:
        inputs: tokens that the decoder reads, shape (batch, num_tokens), right-padded.
        targets: tokens to predict, same shape; ``IGNORED`` for prompt and padding.
        log_mel: shape (batch, num_mels, num_frames).
        encoded: encoder output, shape (batch, num_positions, d_model), right-padded.
        encoded_mask: false for the padding of ``encoded``, shape (batch, num_positions); None for
            no padding.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    log_mel: torch.Tensor | None = None
    encoded: torch.Tensor | None = None
    encoded_mask: torch.Tensor | None = None

    @property
    def num_targets(self) -> int:
        """Number of tokens that the loss sums over."""
        return int((self.targets != IGNORED).sum())


def loss_batch(
    whisper: Whisper,
    waveforms: Sequence[npt.NDArray[np.float32]],
    utterances: Sequence[Utterance],
    context_s: float,
    regularization: Regularization | None = None,
    seeds: Sequence[int] = (),
    *,
    zeros: bool = False,
) -> LossBatch:
    """Build a batch whose targets are the text and the end token, not the prompt.

    Args:
        whisper: the model.
        waveforms: float32, mono, 16 kHz, none longer than ``context_s``.
        utterances: the same clips, with transcripts.
        context_s: seconds that the encoder computes for each clip.
        regularization: random changes of clips and texts; None for none.
        seeds: one per clip, so that its changes don't depend on the other clips of the batch.
        zeros: whether to pad the log-mel with zeros, as faster-whisper does, or with silence.

    Raises:
        InputError: if a transcript is longer than the decoder; names the utterance.
    """
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    inputs, targets = _tokens(whisper, utterances, regularization, generators)
    mel = torch.from_numpy(log_mel(waveforms, frames_of(context_s), whisper.num_mels))
    if zeros:
        for clip, waveform in zip(mel, waveforms, strict=True):
            clip[:, len(waveform) // HOP + 1 :] = 0.0
    if regularization is not None:
        frames = [len(waveform) // HOP for waveform in waveforms]
        mel = spec_augment(mel, frames, regularization.spec_augment, generators)
    return LossBatch(inputs, targets, log_mel=mel.to(whisper.device))


def cached_loss_batch(
    whisper: Whisper,
    outputs: Sequence[npt.NDArray[np.float16]],
    utterances: Sequence[Utterance],
    regularization: Regularization | None = None,
    seeds: Sequence[int] = (),
) -> LossBatch:
    """Build a batch from cached encoder outputs; ``regularization`` changes the texts alone.

    Args:
        whisper: the model.
        outputs: encoder outputs, each of shape (num_positions, d_model).
        utterances: the same clips, with transcripts.
        regularization: random changes of the texts; None for none.
        seeds: one per clip; see ``loss_batch``.

    Raises:
        InputError: if a transcript is longer than the decoder; names the utterance.
    """
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    inputs, targets = _tokens(whisper, utterances, regularization, generators)
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
    regularization: Regularization | None,
    generators: Sequence[torch.Generator],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and targets of ``LossBatch``."""
    end = whisper.network.generation_config.eos_token_id
    rows = []
    for row, utterance in enumerate(utterances):
        generator = None if regularization is None else generators[row]
        tokens = example_tokens(whisper, utterance, regularization, generator)
        # The last token of the prompt predicts the first of the text.
        ignored = [IGNORED] * (len(tokens.prompt) - 1)
        rows.append((tokens.prompt + tokens.read, ignored + tokens.text + [end]))
    longest = max(len(inputs) for inputs, _ in rows)
    return (
        _padded([inputs for inputs, _ in rows], longest, end).to(whisper.device),
        _padded([targets for _, targets in rows], longest, IGNORED).to(whisper.device),
    )


def _padded(rows: list[list[int]], length: int, value: int) -> torch.Tensor:
    return torch.tensor([row + [value] * (length - len(row)) for row in rows])


class SummedLoss(nn.Module):
    """Cross-entropy summed over the target tokens of a batch.

    The projection on the vocabulary is the decoder's largest product (51 865 columns), so only the
    positions with a target are projected. Padding follows the text: the causal mask hides it from
    every target, so it needs no mask of its own.
    """

    def __init__(self, whisper: Whisper) -> None:
        super().__init__()
        self.network = whisper.network
        self._whisper = whisper

    def forward(self, batch: LossBatch) -> torch.Tensor:
        """Return the summed loss, a scalar."""
        network: Any = self.network
        encoded = batch.encoded
        if encoded is None:
            encoded = encode(self._whisper, batch.log_mel)  # type: ignore[arg-type]
        hidden = decode(self._whisper, batch.inputs, encoded, batch.encoded_mask)
        has_target = batch.targets != IGNORED
        logits = network.proj_out(hidden[has_target])
        return nn.functional.cross_entropy(
            logits.float(), batch.targets[has_target], reduction="sum"
        )
