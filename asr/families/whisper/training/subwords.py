"""Subword dropout (BPE-dropout, Provilkov et al., 2020): split random tokens in two.

The tokenizer gives each word of the training set one token sequence, while half the words of an
unseen sentence need token sequences that training never showed. Splitting some tokens in two shows
the decoder how smaller tokens form words.
"""

import torch
from tokenizers import Tokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode


class SubwordDropout:
    """Splits tokens of a byte-level BPE tokenizer into pairs of its tokens."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._ids: dict[str, int] = tokenizer.get_vocab()
        self._spelling = {token: spelling for spelling, token in self._ids.items()}
        characters: dict[int, str] = bytes_to_unicode()  # type: ignore[no-untyped-call]
        self._byte_of = {character: byte for byte, character in characters.items()}
        # Added tokens are spelled in letters, all others in characters that stand for bytes.
        added = tokenizer.get_added_tokens_decoder()
        self._splits: dict[int, list[tuple[int, int]]] = {token: [] for token in added}

    def splits(self, token: int) -> list[tuple[int, int]]:
        """All pairs that spell ``token``, split between characters and not after a lone space."""
        if token not in self._splits:
            spelling = self._spelling[token]
            halves = [(spelling[:at], spelling[at:]) for at in range(1, len(spelling))]
            self._splits[token] = [
                (self._ids[left], self._ids[right])
                for left, right in halves
                if left in self._ids and right in self._ids
                if self._byte_of[left[-1]] != ord(" ") and not self._inside_character(right[0])
            ]
        return self._splits[token]

    def _inside_character(self, character: str) -> bool:
        return 0x80 <= self._byte_of[character] < 0xC0  # UTF-8's continuation bytes

    def apply(self, tokens: list[int], share: float, generator: torch.Generator) -> list[int]:
        """Split a ``share`` of the tokens in two, each at a random place among ``splits``."""
        spelled: list[int] = []
        for token, draw in zip(tokens, torch.rand(len(tokens), generator=generator), strict=True):
            if draw < share and (splits := self.splits(token)):
                spelled += splits[int(torch.randint(len(splits), (), generator=generator))]
            else:
                spelled.append(token)
        return spelled
