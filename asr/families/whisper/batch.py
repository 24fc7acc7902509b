"""From clips and transcripts to what Whisper's loss needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from transformers import WhisperTokenizer

from asr.errors import InputError
from asr.families.whisper.model import Whisper, encode
from asr.families.whisper.subwords import Subwords
from asr.families.whisper.tokens import prompt_tokens, text_tokens
from asr.log_mel import FRAMES_PER_S, HOP, log_mel
from asr.schemas.train import Params as TrainParams
from asr.spec_augment import spec_augment
from asr.utterance import Utterance

IGNORED = -100  # cross_entropy's own


@dataclass(frozen=True)
class LossBatch:
    """Tensors of one batch.

    Attributes:
        log_mel: shape (batch, num_mels, num_frames).
        inputs: tokens the decoder reads, shape (batch, num_tokens), right-padded.
        targets: tokens it shall predict, same shape; ``IGNORED`` where it need not.
    """

    log_mel: torch.Tensor
    inputs: torch.Tensor
    targets: torch.Tensor

    @property
    def num_targets(self) -> int:
        """Tokens that the loss is summed over."""
        return int((self.targets != IGNORED).sum())


def loss_batch(
    whisper: Whisper,
    waveforms: Sequence[npt.NDArray[np.float32]],
    utterances: Sequence[Utterance],
    context_s: float,
    augment: TrainParams | None = None,
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
        augment: section ``train``: what is hidden of clips and texts; None to hide nothing.
        seeds: each clip's own, so that what is hidden of it doesn't depend on its company.
        zeros: whether what follows a clip is zeros in the log-mel, as faster-whisper pads.

    Raises:
        InputError: for a transcript longer than the decoder, naming the utterance.
    """
    tokenizer, generation = whisper.processor.tokenizer, whisper.network.generation_config
    end = generation.eos_token_id
    chances = [torch.Generator().manual_seed(seed) for seed in seeds]
    rows = []
    for row, utterance in enumerate(utterances):
        prompt = prompt_tokens(generation, utterance.language)
        text = text_tokens(tokenizer, utterance.text)
        if augment is not None:
            more = _subwords(tokenizer).dropped(text, augment.subword_dropout, chances[row])
            text = more if len(prompt) + len(more) <= whisper.max_tokens else text
        if (num_tokens := len(prompt) + len(text)) > whisper.max_tokens:
            raise InputError(
                f"{utterance.id}: expected at most {whisper.max_tokens} tokens, the decoder's "
                f"positions, got {num_tokens} for {utterance.text!r:.80}"
            )
        # The last token of the prompt predicts the first of the text.
        read = text
        if augment is not None:
            hidden = torch.rand(len(text), generator=chances[row]) < augment.token_dropout
            read = [end if h else token for token, h in zip(text, hidden, strict=True)]
        rows.append((prompt + read, [IGNORED] * (len(prompt) - 1) + text + [end]))
    longest = max(len(inputs) for inputs, _ in rows)
    device = whisper.device
    mel = log_mel(waveforms, round(context_s * FRAMES_PER_S), whisper.num_mels)
    if zeros:
        mel = mel.clone()
        for clip, waveform in zip(mel, waveforms, strict=True):
            clip[:, len(waveform) // HOP + 1 :] = 0.0
    if augment is not None:
        frames = [len(waveform) // HOP for waveform in waveforms]
        mel = spec_augment(mel, frames, augment.spec_augment, chances)
    return LossBatch(
        mel.to(device),
        _padded([inputs for inputs, _ in rows], longest, end).to(device),
        _padded([targets for _, targets in rows], longest, IGNORED).to(device),
    )


@cache
def _subwords(tokenizer: WhisperTokenizer) -> Subwords:
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
        hidden = network.model.decoder(
            input_ids=batch.inputs,
            encoder_hidden_states=encode(self._whisper, batch.log_mel),
            use_cache=False,
        ).last_hidden_state
        wanted = batch.targets != IGNORED
        logits = network.proj_out(hidden[wanted])
        return nn.functional.cross_entropy(logits.float(), batch.targets[wanted], reduction="sum")
