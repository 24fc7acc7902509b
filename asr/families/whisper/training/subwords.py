"""Subword dropout (BPE-dropout, Provilkov et al., 2020): a word in other tokens each time.

A word of the training set has one spelling in tokens, and half the words of an unseen sentence are
made of tokens that the training set never put together so. Cutting some tokens in two shows
the decoder how words are built of smaller parts.
"""

import torch
from tokenizers import Tokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode


class Subwords:
    """The ways to cut a tokenizer's tokens in two."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._ids: dict[str, int] = tokenizer.get_vocab()
        self._spelling = {token: spelling for spelling, token in self._ids.items()}
        letters: dict[int, str] = bytes_to_unicode()  # type: ignore[no-untyped-call]
        self._byte_of = {letter: byte for byte, letter in letters.items()}
        self._cuts: dict[int, list[tuple[int, int]]] = {}

    def cuts(self, token: int) -> list[tuple[int, int]]:
        """Pairs of tokens that spell the same, cut between characters, not after a lone space."""
        if token not in self._cuts:
            spelling = self._spelling[token]
            halves = [(spelling[:at], spelling[at:]) for at in range(1, len(spelling))]
            self._cuts[token] = [
                (self._ids[left], self._ids[right])
                for left, right in halves
                if left in self._ids and right in self._ids
                if self._byte_of[left[-1]] != ord(" ") and not self._inside_character(right[0])
            ]
        return self._cuts[token]

    def _inside_character(self, letter: str) -> bool:
        return 0x80 <= self._byte_of[letter] < 0xC0  # UTF-8's continuation bytes

    def dropped(self, tokens: list[int], share: float, chance: torch.Generator) -> list[int]:
        """Cut a ``share`` of the tokens in two, each at a place drawn from all there are."""
        spelled: list[int] = []
        for token, draw in zip(tokens, torch.rand(len(tokens), generator=chance), strict=True):
            if draw < share and (cuts := self.cuts(token)):
                spelled += cuts[int(torch.randint(len(cuts), (), generator=chance))]
            else:
                spelled.append(token)
        return spelled
