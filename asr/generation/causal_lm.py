"""A causal language model that reads embeddings, such as a projected clip, before its text.

Prompts differ in length, so a batch is padded on the right, in training and in decoding alike:
position n of a text is then row n of its tensor, and no mask of targets can slip. In decoding the
padding stays in the cache, masked, and each clip counts its own positions.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from transformers.cache_utils import DynamicCache

IGNORED = -100  # the default ``ignore_index`` of ``cross_entropy``


def right_padded(rows: Sequence[Sequence[int]], value: int) -> torch.Tensor:
    """Stack rows of unequal length; shape (len(rows), longest), int64."""
    longest = max(len(row) for row in rows)
    return torch.tensor([[*row, *[value] * (longest - len(row))] for row in rows])


def mask_of_lengths(lengths: Sequence[int], device: torch.device) -> torch.Tensor:
    """1 for each row's first positions, 0 for its padding; shape (len(lengths), longest)."""
    positions = torch.arange(max(lengths), device=device)
    return (positions < torch.tensor(lengths, device=device)[:, None]).long()


def positions_of(mask: torch.Tensor) -> torch.Tensor:
    """Position of each token, for a right-padded mask of the same shape."""
    return torch.arange(mask.shape[1], device=mask.device).expand(mask.shape)


def next_token_loss(hidden: torch.Tensor, head: nn.Module, targets: torch.Tensor) -> torch.Tensor:
    """Cross-entropy summed over the targets; logits are computed for these positions alone.

    With a vocabulary of 151,936 tokens the logits of the prompt, a dozen tokens for each second of
    audio, would take more memory than all layers.

    Args:
        hidden: output of the last layer, shape (batch, length, width).
        head: from the width to the vocabulary.
        targets: the tokens themselves, not shifted, ``IGNORED`` elsewhere; shape (batch, length).

    Returns:
        A scalar, in float32.
    """
    has_target = targets[:, 1:] != IGNORED
    logits = head(hidden[:, :-1][has_target])
    return nn.functional.cross_entropy(logits.float(), targets[:, 1:][has_target], reduction="sum")


class CausalLm:
    """A language model after a batch of prompts; see ``asr.generation.search.Decoder``."""

    def __init__(
        self, language_model: Any, head: nn.Module, prompts: torch.Tensor, mask: torch.Tensor
    ) -> None:
        """Keep the prompts; nothing is computed before ``start``.

        Args:
            language_model: a transformers decoder without its head.
            head: from its width to the vocabulary.
            prompts: embeddings, shape (batch, length, width), right-padded.
            mask: 1 for prompt, 0 for padding, shape (batch, length).
        """
        self._model, self._head = language_model, head
        self._prompts, self._mask = prompts, mask
        self._cache = DynamicCache(config=language_model.config)
        self._lengths = mask.sum(1)  # of the prompts and what was appended to them

    def start(self) -> torch.Tensor:
        """See ``asr.generation.search.Decoder``."""
        hidden = self._hidden(self._prompts, positions_of(self._mask))
        last = hidden[torch.arange(len(hidden), device=hidden.device), self._lengths - 1]
        return self._log_probs(last)

    def step(self, rows: Sequence[int], tokens: Sequence[int]) -> torch.Tensor:
        """See ``asr.generation.search.Decoder``."""
        device = self._mask.device
        if list(rows) != list(range(len(self._mask))):
            kept = torch.tensor(rows, device=device)
            self._cache.batch_select_indices(kept)
            self._mask, self._lengths = self._mask[kept], self._lengths[kept]
        inputs = torch.tensor(tokens, device=device)[:, None]
        self._mask = torch.cat([self._mask, self._mask.new_ones(len(tokens), 1)], dim=1)
        embedded = self._model.get_input_embeddings()(inputs)
        hidden = self._hidden(embedded, self._lengths[:, None])
        self._lengths = self._lengths + 1
        return self._log_probs(hidden[:, -1])

    def _hidden(self, embedded: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        output = self._model(
            inputs_embeds=embedded,
            attention_mask=self._mask,
            position_ids=positions,
            past_key_values=self._cache,
            use_cache=True,
        )
        return output.last_hidden_state  # type: ignore[no-any-return]

    def _log_probs(self, hidden: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self._head(hidden)
        return logits.float().log_softmax(-1)
