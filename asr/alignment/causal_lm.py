"""A language model that has a clip among its inputs, forced to write a text."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

# The embeddings of the prompt with the clip in it, and of tokens behind: (1, length, width).
Embed = Callable[[list[int]], torch.Tensor]


class ForcedLm:
    """See ``asr.alignment.forced_decoder.ForcedDecoder``.

    The language model reads everything in one row, so its attention to the clip is a part of its
    attention to all: each row is a position of the text, each column one of the clip.
    """

    def __init__(
        self,
        network: Any,
        head: Any,
        embed: Embed,
        clip: range,
        length: int,
        max_positions: int,
        frame_s: float,
    ) -> None:
        """Wrap a causal language model of transformers with ``eager`` attention.

        Args:
            network: the language model without its head.
            head: maps its output to logits.
            embed: embeds the prompt and given tokens.
            clip: positions of the clip.
            length: of the prompt, with the clip.
            max_positions: of the model.
            frame_s: seconds of a position of the clip.
        """
        self._network, self._head, self._embed = network, head, embed
        self._clip, self._length = clip, length
        self.max_tokens, self.frame_s = max_positions - length, frame_s

    def log_probs(self, tokens: list[int]) -> npt.NDArray[np.float64]:
        """See ``ForcedDecoder``."""
        found = self._network(inputs_embeds=self._embed(tokens), use_cache=False)
        hidden = found.last_hidden_state[0, self._length - 1 : -1]
        scores = self._head(hidden).float().log_softmax(-1)
        chosen = scores.gather(1, torch.tensor(tokens, device=scores.device)[:, None])
        return chosen[:, 0].double().cpu().numpy()  # type: ignore[no-any-return]

    def attention(self, tokens: list[int]) -> npt.NDArray[np.float32]:
        """See ``ForcedDecoder``."""
        found = self._network(
            inputs_embeds=self._embed(tokens), output_attentions=True, use_cache=False
        )
        rows = [
            layer[0, :, self._length - 1 :, self._clip.start : self._clip.stop]
            for layer in found.attentions
        ]
        return torch.cat(rows).float().cpu().numpy()
