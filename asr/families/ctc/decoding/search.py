"""Prefix beam search: the likeliest texts of a clip, each summed over all its paths.

A language model then chooses among them, as among those of any family
(``asr.language_model.rescore``). One inside the search would need a search of dev for each of the
grid's weights; with the texts listed, the grid takes a tenth of a second.
"""

from dataclasses import dataclass

import numpy as np

from asr.core.errors import needs
from asr.decoding.params import DecodeParams
from asr.families.ctc.model.greedy import LogProbs, greedy, require_finite
from asr.families.ctc.tokens.vocabulary import SPECIAL, WORD_START, Vocabulary
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance


@dataclass(frozen=True)
class Search:
    """Finds the texts of clips, from several threads at once.

    Attributes:
        vocabulary: the labels.
        num_beams: texts that the search follows; 1: the likeliest path alone.
    """

    vocabulary: Vocabulary
    num_beams: int

    def best(self, utterance: Utterance, log_probs: LogProbs) -> Hypothesis:
        """The likeliest text of a clip."""
        if self.num_beams == 1:
            return greedy(self.vocabulary, utterance, log_probs)
        return self.candidates(utterance, log_probs, 1)[0]

    def candidates(self, utterance: Utterance, log_probs: LogProbs, num: int) -> list[Hypothesis]:
        """Up to ``num`` texts of a clip, the likeliest first.

        A hypothesis has as many tokens as frames, so that all texts of a clip are compared by their
        whole log-probability: by that of a letter, longer texts would win.

        Raises:
            InputError: if a log-probability is not finite.
        """
        if not len(log_probs):
            return [greedy(self.vocabulary, utterance, log_probs)]
        with needs("language_model", "ctc with several texts a clip"):
            from ctc_beam_decoder import build_ctcdecoder

        require_finite(utterance, log_probs)
        # A label for unknown letters writes nothing, as the blank does.
        blank = np.logaddexp(log_probs[:, 0], log_probs[:, 1])
        columns = np.column_stack([blank, log_probs[:, 2:]])
        letters = [one.replace(WORD_START, " ") for one in self.vocabulary.tokens[len(SPECIAL) :]]
        # Built for each clip in 0.1 ms, since nothing says that threads may share one.
        decoder = build_ctcdecoder(["", " ", *letters])
        found: dict[str, float] = {}
        for text, _, _, log_prob, _ in decoder.decode_beams(columns, max(self.num_beams, num)):
            found.setdefault(" ".join(text.split()), log_prob)
        return [
            Hypothesis(
                id=utterance.id,
                text=text,
                num_tokens=len(log_probs),
                mean_log_prob=min(0.0, round(log_prob / len(log_probs), 6)),
                runaway=False,
            )
            for text, log_prob in list(found.items())[:num]
        ]


def open_search(vocabulary: Vocabulary, params: DecodeParams) -> Search:
    """The search of ``decode.num_beams``.

    Raises:
        InputError: if several texts are wanted without the package that finds them.
    """
    if params.num_beams > 1:
        with needs("language_model", f"ctc with decode.num_beams: {params.num_beams} (1: none)"):
            import ctc_beam_decoder  # noqa: F401
    return Search(vocabulary, params.num_beams)
