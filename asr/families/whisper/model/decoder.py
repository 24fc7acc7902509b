"""Whisper as a decoder to search in: training decodes dev with it greedily.

An edit here reruns training. An edit to the engines in ``decoding/`` does not.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers.cache_utils import DynamicCache, EncoderDecoderCache

from asr.families.whisper.model.model import Whisper, encode
from asr.families.whisper.tokens import hypothesis_of, prompt_tokens, tokens_without_text
from asr.features.log_mel import frames_of, log_mel
from asr.generation.search import Limits, search_lists
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance


def transcribe_batch(
    whisper: Whisper,
    waveforms: Sequence[npt.NDArray[np.float32]],
    utterances: Sequence[Utterance],
    context_s: float,
    budgets: Sequence[int],
    num_beams: int,
) -> list[Hypothesis]:
    """Find the likeliest text of each clip: the first of its candidates."""
    lists = list_candidates(whisper, waveforms, utterances, context_s, budgets, num_beams, 1)
    return [hypotheses[0] for hypotheses in lists]


@torch.inference_mode()
def list_candidates(
    whisper: Whisper,
    waveforms: Sequence[npt.NDArray[np.float32]],
    utterances: Sequence[Utterance],
    context_s: float,
    budgets: Sequence[int],
    num_beams: int,
    num: int,
) -> list[list[Hypothesis]]:
    """List up to ``num`` likely texts of each clip, one by greedy search if ``num_beams`` is 1.

    Args:
        whisper: the model.
        waveforms: float32, mono, 16 kHz, none longer than ``context_s``.
        utterances: the same clips, for language and id.
        context_s: seconds that the encoder computes for each clip.
        budgets: most tokens per clip, the end token included.
        num_beams: beams of each clip.
        num: most hypotheses of each clip.

    Returns:
        Hypotheses of each clip, the likeliest first.
    """
    end = whisper.network.generation_config.eos_token_id
    decoder = WhisperDecoder(whisper, waveforms, utterances, context_s)
    # No more tokens than the decoder positions that the prompt leaves free.
    limits = Limits([end], [min(budget, decoder.max_tokens) for budget in budgets])
    lists = search_lists(decoder, limits, num_beams)
    return [
        [
            hypothesis_of(whisper.tokenizer, end, utterance, one.tokens, one.log_prob)
            for one in found[:num]
        ]
        for utterance, found in zip(utterances, lists, strict=True)
    ]


class WhisperDecoder:
    """The decoder over a batch of encoded clips; see ``asr.generation.search.Decoder``.

    Attributes:
        max_tokens: decoder positions that the prompt leaves free.
    """

    def __init__(
        self,
        whisper: Whisper,
        waveforms: Sequence[npt.NDArray[np.float32]],
        utterances: Sequence[Utterance],
        context_s: float,
    ) -> None:
        """Encode the clips and build the prompts."""
        mel = torch.from_numpy(log_mel(waveforms, frames_of(context_s), whisper.num_mels))
        generation = whisper.network.generation_config
        prompts = [prompt_tokens(generation, utterance.language) for utterance in utterances]
        self.max_tokens = whisper.max_tokens - len(prompts[0])
        self._whisper = whisper
        self._encoded = encode(whisper, mel.to(whisper.device, whisper.network.dtype))
        self._prompts = torch.tensor(prompts, device=whisper.device)
        self._always, self._first = suppression_masks(whisper)
        self._cache = EncoderDecoderCache(DynamicCache(), DynamicCache())

    def start(self) -> torch.Tensor:
        """See ``asr.generation.search.Decoder``."""
        return (self._logits(self._prompts) + self._first).log_softmax(-1)

    def step(self, rows: Sequence[int], tokens: Sequence[int]) -> torch.Tensor:
        """See ``asr.generation.search.Decoder``."""
        device = self._encoded.device
        if list(rows) != list(range(len(self._encoded))):
            kept = torch.tensor(rows, device=device)
            self._encoded = self._encoded[kept]
            self._cache.batch_select_indices(kept)
        inputs = torch.tensor(tokens, device=device)[:, None]
        return (self._logits(inputs) + self._always).log_softmax(-1)

    def _logits(self, inputs: torch.Tensor) -> torch.Tensor:
        """Logits of the token after ``inputs``, shape (batch, vocabulary), float32."""
        network: Any = self._whisper.network
        hidden = network.model.decoder(
            input_ids=inputs,
            encoder_hidden_states=self._encoded,
            past_key_values=self._cache,
            use_cache=True,
        ).last_hidden_state
        return network.proj_out(hidden[:, -1]).float()  # type: ignore[no-any-return]


def suppression_masks(whisper: Whisper) -> tuple[torch.Tensor, torch.Tensor]:
    """Build the masks to add to logits: minus infinity for each suppressed token, else 0.

    The generation config lists these tokens: symbols that are not spoken, special tokens, and at
    the first position also a space and the end token. Tokens without text, such as timestamps, are
    suppressed too.

    Returns:
        The mask for any position and the mask for the first one, each of shape (vocab_size,).
    """
    config: Any = whisper.network.generation_config
    always = torch.zeros(whisper.network.config.vocab_size, device=whisper.device)
    always[list(config.suppress_tokens or ())] = -torch.inf
    no_timestamps, size = config.no_timestamps_token_id, whisper.network.config.vocab_size
    always[tokens_without_text(whisper.tokenizer, no_timestamps, size)] = -torch.inf
    first = always.clone()
    first[list(config.begin_suppress_tokens or ())] = -torch.inf
    return always, first
