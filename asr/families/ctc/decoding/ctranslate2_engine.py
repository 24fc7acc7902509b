"""Decode with Whisper's encoder in CTranslate2 and the head in NumPy, on a CPU without torch."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import ctranslate2
import numpy as np

from asr.core.errors import InputError
from asr.decoding.params import DecodeParams
from asr.families.ctc.decoding.search import open_search
from asr.families.ctc.model.greedy import LogProbs, log_softmax
from asr.families.ctc.runtime.whisper_encoder import load_encoder, read_head
from asr.families.ctc.tokens.description import read_description
from asr.families.ctc.tokens.vocabulary import read_vocabulary
from asr.families.ctc.window import computed_s
from asr.features.log_mel import frames_of, log_mel
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import SAMPLE_RATE, Waveform

# Seconds of audio per encoder call: with more, a layer's activations no longer fit the cache of
# the core.
ENCODED_S = 5.0


class Ctranslate2Engine:
    """A model whose workers each compute their own batches on one core."""

    device = "cpu"

    def __init__(self, folder: Path, params: DecodeParams, num_threads: int) -> None:
        """Convert the encoder of a model folder and load the result.

        Raises:
            InputError: if CTranslate2 does not support the precision, or the folder is damaged.
        """
        supported = ctranslate2.get_supported_compute_types("cpu")
        if params.precision not in supported:
            raise InputError(
                f"decode.precision: expected one of {', '.join(sorted(supported))} "
                f"with CTranslate2 on this CPU, got {params.precision}"
            )
        self.num_workers = num_threads
        self._margin_s, vocabulary = read_description(folder).margin_s, read_vocabulary(folder)
        self._search = open_search(vocabulary, params)
        self._head = read_head(folder, len(vocabulary.tokens))
        self._encoder = load_encoder(folder, params.precision, num_threads)

    def log_probs(self, waveforms: Sequence[Waveform]) -> list[LogProbs]:
        """Log-probabilities of each clip's labels, shape (num_frames, num_tokens).

        CTranslate2 has no masks for the encoder, so clips of one context are computed together.
        """
        contexts_s = [computed_s(round(len(w) / SAMPLE_RATE, 4), self._margin_s) for w in waveforms]
        order = sorted(range(len(waveforms)), key=contexts_s.__getitem__)
        found: dict[int, LogProbs] = {}
        for context_s, group in groupby(order, key=contexts_s.__getitem__):
            alike, most = list(group), max(1, int(ENCODED_S // context_s))
            for start in range(0, len(alike), most):
                some = alike[start : start + most]
                scores = self._scores([waveforms[index] for index in some], context_s)
                found.update(zip(some, scores, strict=True))
        return [found[index] for index in range(len(waveforms))]

    def _scores(self, waveforms: Sequence[Waveform], context_s: float) -> LogProbs:
        mel = log_mel(waveforms, frames_of(context_s), self._encoder.num_mels)
        features = ctranslate2.StorageView.from_array(mel)
        encoded = np.array(self._encoder.model.encode(features, to_cpu=True))
        weight, bias = self._head
        return log_softmax(encoded.astype(np.float32) @ weight.T + bias)

    def transcribe(
        self,
        waveforms: Sequence[Waveform],
        utterances: Sequence[Utterance],
        context_s: float,
        budgets: Sequence[int],
    ) -> list[Hypothesis]:
        """Transcribe one batch; see ``asr.families.protocols.Engine.transcribe``."""
        pairs = zip(utterances, self.log_probs(waveforms), strict=True)
        return [self._search.best(one, scores) for one, scores in pairs]

    def candidates(
        self,
        waveforms: Sequence[Waveform],
        utterances: Sequence[Utterance],
        context_s: float,
        budgets: Sequence[int],
        num: int,
    ) -> list[list[Hypothesis]]:
        """See ``asr.decoding.candidates.HasCandidates``."""
        pairs = zip(utterances, self.log_probs(waveforms), strict=True)
        return [self._search.candidates(one, scores, num) for one, scores in pairs]
