"""Beam search over a CTC model's log-probabilities, with the language model of a language.

ctc-beam-decoder does the search, as pyctcdecode does it: it scores each word when it ends, and
takes ``unknown_word`` off as soon as no known word begins as the word in progress does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.core.errors import InputError, needs
from asr.language_model.words import VOCABULARY, WORDS, words_of

LOG_10 = math.log(10)
LEAST_WEIGHT = 1e-3  # ctc-beam-decoder weights what unknown words cost too, so 0 would free them


@dataclass(frozen=True)
class CtcText:
    """A text, and the log-probability of its frames without the language model."""

    text: str
    log_prob: float


class CtcSearch:
    """Finds the likeliest texts of clips."""

    def __init__(
        self,
        labels: Sequence[str],
        language: str,
        folder: Path | None = None,
        words: float = 0.0,
        unknown_word: float = 0.0,
    ) -> None:
        """Load a language model.

        Args:
            labels: the letter of each column: empty for the blank, a space between words.
            language: of the texts.
            folder: of the language, as ``asr.language_model.build`` writes it; None for none.
            words: weight of the words' log-probability.
            unknown_word: nats off for a word that is in no text.

        Raises:
            InputError: if the labels have letters in another form than the language model's words:
                every word with one would be unknown.
        """
        with needs("language_model", "decode.lm.weight: dev"):
            from ctc_beam_decoder import build_ctcdecoder
        options: dict[str, Any] = {}
        if folder is not None:
            foreign = [x for x in labels if x.strip() and words_of(x, language) not in ([x], [])]
            if foreign:
                raise InputError(
                    f"{folder}: expected labels in lower case, in the form of its words, got "
                    f"{len(foreign)} others, such as {foreign[0]!r}"
                )
            alpha = max(words, LEAST_WEIGHT)
            options = {
                "kenlm_model_path": folder / WORDS,
                "unigrams": (folder / VOCABULARY).read_text(encoding="utf-8").split(),
                "alpha": alpha,
                "beta": 0.0,
                "unk_score_offset": -unknown_word / (alpha * LOG_10),
            }
        self._decoder = build_ctcdecoder(list(labels), **options)

    def texts(
        self,
        log_probs: npt.NDArray[np.float32],
        num_beams: int,
        num: int,
        hot_words: Sequence[str] = (),
        hot_word_bonus: float = 0.0,
    ) -> list[CtcText]:
        """Find up to ``num`` texts of a clip, the best first.

        Args:
            log_probs: natural, shape (num_frames, len(labels)).
            num_beams: texts that the search follows.
            num: texts to return.
            hot_words: words to prefer.
            hot_word_bonus: nats for each.
        """
        beams = self._decoder.decode_beams(
            log_probs, beam_width=num_beams,
            hotwords=list(hot_words), hotword_weight=hot_word_bonus,
        )  # fmt: skip
        return [CtcText(text, logit) for text, _, _, logit, _ in beams[:num]]
