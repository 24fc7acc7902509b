"""A model to train; implements ``asr.families.protocols.Trainee``."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from asr.families.ctc.model.batch import Masks
from asr.families.ctc.model.greedy import greedy
from asr.families.ctc.model.inputs import MaskOf, inputs_of
from asr.families.ctc.model.log_probs import log_probs
from asr.families.ctc.model.model import load, replace_head, save
from asr.families.ctc.tokens import max_labels
from asr.families.ctc.tokens.make import make_vocabulary
from asr.families.ctc.tokens.vocabulary import frames_needed, spelling
from asr.families.ctc.training.blanks import BlankWatch
from asr.families.ctc.training.labels import clip_labels, label_rules
from asr.families.ctc.training.loss import LossBatch, SummedLoss
from asr.families.ctc.training.params import CtcTrainParams
from asr.families.ctc.training.tuning import make_trainable, weight_groups
from asr.families.ctc.window import computed_s
from asr.text.letters import listed
from asr.training.adapter import merge_adapter
from asr.training.augmentation.spec_augment import spec_augment
from asr.training.labels import ClipLabels, LabelRules
from asr.training.params import SpecAugmentParams, TrainParams
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import Waveform

NUM_BANDS = 80  # of which train.spec_augment counts; channels of waveform networks are divided so
HEAD_SEED = 1  # the rows of letters that the base does not know


class CtcTrainee:
    """The model with some trainable weights; see ``asr.families.protocols.Trainee``."""

    long_context = None  # what follows a clip changes nothing

    def __init__(
        self, base: Path, device: torch.device, train: TrainParams, own: CtcTrainParams
    ) -> None:
        """Load a model folder and mark the weights to train.

        Raises:
            InputError: if the folder holds no model of the family.
        """
        self._train, self._own = train, own
        self.model = load(base, device)
        make_trainable(self.model, train, own)
        self._blanks = BlankWatch()
        self.network: nn.Module = self.model
        self.summed_loss: nn.Module = SummedLoss(self.model)
        self.weight_groups: Mapping[str, Sequence[str]] = weight_groups(self.model)
        self.rate_factors: Mapping[str, float] = {"head": own.head_rate}

    def make_vocabulary(self, train: Sequence[Utterance], dev: Sequence[Utterance]) -> None:
        """See ``asr.families.protocols.MakesVocabulary``."""
        texts = [self._spelled(one) for one in train]
        num_pieces = self.model.description.num_pieces
        vocabulary, rare = make_vocabulary(texts, self._own.min_count, num_pieces)
        kept = sum(token in self.model.vocabulary.ids for token in vocabulary.tokens)
        replace_head(self.model, vocabulary, HEAD_SEED)
        _write(f"{len(vocabulary.tokens)} labels from train, {kept} of them known before")
        if rare:
            count = f"fewer than {self._own.min_count} times (ctc.train.min_count)"
            _write(f"{len(rare)} characters of train come {count}, and are unknown: {listed(rare)}")
        if lacking := vocabulary.unknown(self._spelled(one) for one in dev):
            only = {one: n for one, n in lacking.items() if one not in rare}
            _write(
                f"dev has {sum(lacking.values())} characters that can't be written, "
                f"{len(only)} of {len(lacking)} are not in train at all: {listed(lacking)}"
            )
        self._warn_of_long(train)

    def _warn_of_long(self, train: Sequence[Utterance]) -> None:
        too_long = [
            one.id
            for one in train
            if self.num_labels(one.text, one.language) > self.max_labels(one.duration_s)
        ]
        if too_long:
            _write(
                f"{len(too_long)} of {len(train)} transcripts of train have more labels than "
                f"their clips have frames, and teach nothing, such as {', '.join(too_long[:3])}"
            )

    def _spelled(self, utterance: Utterance) -> str:
        return spelling(utterance.text, lower=self._own.case == "lower")

    def seconds(self, duration_s: float) -> float:
        """The clip, and the margin of Whisper's encoder."""
        return computed_s(duration_s, self.model.description.margin_s)

    def num_labels(self, text: str, language: str) -> int:
        """Frames that a transcript needs; see ``asr.families.ctc.tokens.max_labels``."""
        spelled = spelling(text, lower=self._own.case == "lower")
        return frames_needed(self.model.vocabulary.labels(spelled)) + 1

    def max_labels(self, duration_s: float) -> int:
        """Frames of a clip; see ``asr.families.ctc.tokens.max_labels``."""
        return max_labels(self.model.description, duration_s)

    def batch(
        self,
        waveforms: Sequence[Waveform],
        utterances: Sequence[Utterance],
        context_s: float,
        seeds: Sequence[int] | None,
        *,
        zeros: bool,
    ) -> LossBatch:
        """Build a batch; each clip has its own context, whatever ``context_s`` is."""

        mask_of: MaskOf | None = None
        if seeds is not None:
            drawn, params = seeds, self._train.spec_augment
            mask_of = lambda index, frames: draw_masks(frames, params, drawn[index])  # noqa: E731
        inputs = inputs_of(
            self.model.description, self.model.extractor, self.model.num_mels, waveforms, mask_of
        )
        vocabulary = self.model.vocabulary
        return LossBatch(inputs, [vocabulary.labels(self._spelled(one)) for one in utterances])

    @property
    def label_rules(self) -> LabelRules:
        """See ``asr.families.protocols.Trainee``."""
        return label_rules(self.model.vocabulary, lower=self._own.case == "lower")

    def clip_labels(self, batch: LossBatch) -> list[ClipLabels]:
        """See ``asr.families.protocols.Trainee``."""
        return clip_labels(batch, self.model.description.kind)

    def transcribe(
        self,
        waveforms: Sequence[Waveform],
        utterances: Sequence[Utterance],
        context_s: float,
        budgets: Sequence[int],
    ) -> list[Hypothesis]:
        """Transcribe greedily; no budget is needed, since CTC ends with the clip."""
        scores = log_probs(self.model, waveforms)
        self._blanks.count(scores)
        pairs = zip(utterances, scores, strict=True)
        return [greedy(self.model.vocabulary, utterance, own) for utterance, own in pairs]

    def dev_counts(self) -> dict[str, tuple[int, int]]:
        """See ``asr.families.protocols.CountsOnDev``."""
        return self._blanks.taken()

    def save(self, out: Path) -> None:
        """Merge the adapter, if any, and write the model folder with its vocabulary."""
        merge_adapter(self.model)
        save(self.model, out)

    @property
    def layers(self) -> Sequence[nn.Module]:
        """The encoder's layers, which hold most weights."""
        return self.model.layers


def _write(words: str) -> None:
    tqdm.write(f"ctc: {words}")


def draw_masks(num_frames: int, params: SpecAugmentParams, seed: int) -> Masks:
    """Draw SpecAugment's stripes of a clip, as ``spec_augment`` draws them."""
    generator = torch.Generator().manual_seed(seed)
    blank = torch.ones(1, NUM_BANDS, num_frames + 1)
    blank[..., -1] = 0.0  # behind the clip: the lowest value, which masks take
    drawn = spec_augment(blank, [num_frames], params, [generator])[0, :, :-1] == 0
    if not num_frames:
        return Masks(torch.zeros(0, dtype=torch.bool), torch.zeros(NUM_BANDS, dtype=torch.bool))
    return Masks(drawn.all(0), drawn.all(1))
