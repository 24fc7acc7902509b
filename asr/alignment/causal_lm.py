"""A language model that has a clip among its inputs, forced to write a text."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch


class ForcedLm:
    """See ``asr.alignment.forced_decoder.ForcedDecoder``.

    The language model reads everything in one row, so its attention to the clip is a part of its
    attention to all: each row is a position of the text, each column one of the clip.
    """

    def __init__(
        self,
        network: Any,
        head: Any,
        prompt: torch.Tensor,
        clip: range,
        max_positions: int,
        frame_s: float,
    ) -> None:
        """Wrap a causal language model of transformers with ``eager`` attention.

        Args:
            network: the language model without its head.
            head: maps its output to logits.
            prompt: its embeddings with the clip among them, shape (1, length, width): they are
                the same for every text, and the clip is encoded only once.
            clip: positions of the clip in the prompt.
            max_positions: of the model.
            frame_s: seconds of a position of the clip.
        """
        self._network, self._head, self._prompt, self._clip = network, head, prompt, clip
        self._length = prompt.shape[1]
        self.max_tokens, self.frame_s = max_positions - self._length, frame_s

    def log_probs(self, tokens: list[int]) -> npt.NDArray[np.float64]:
        """See ``ForcedDecoder``."""
        found = self._network(inputs_embeds=self._embedded(tokens), use_cache=False)
        hidden = found.last_hidden_state[0, self._length - 1 : -1]
        scores = self._head(hidden).float().log_softmax(-1)
        chosen = scores.gather(1, torch.tensor(tokens, device=scores.device)[:, None])
        return chosen[:, 0].double().cpu().numpy()  # type: ignore[no-any-return]

    def attention(self, tokens: list[int]) -> npt.NDArray[np.float32]:
        """See ``ForcedDecoder``."""
        found = self._network(
            inputs_embeds=self._embedded(tokens), output_attentions=True, use_cache=False
        )
        rows = [
            layer[0, :, self._length - 1 :, self._clip.start : self._clip.stop]
            for layer in found.attentions
        ]
        return torch.cat(rows).float().cpu().numpy()

    def _embedded(self, tokens: list[int]) -> torch.Tensor:
        """The prompt and given tokens behind it, shape (1, length, width)."""
        inputs = torch.tensor([tokens], device=self._prompt.device)
        behind = self._network.get_input_embeddings()(inputs)
        return torch.cat([self._prompt, behind.to(self._prompt.dtype)], 1)
