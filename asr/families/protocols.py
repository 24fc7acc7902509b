"""The interface of a model family: the functions and classes of each role.

A family is a folder ``asr/families/<family>/`` with one module or package per role::

    window.py    the longest clip
    tokens/      counts the tokens of a transcript, and how many fit a clip
    base/        checks and converts pretrained weights
    training/    trainable weights, batch and loss
    decoding/    the engine that transcribes
    alignment/   scores of each letter in each frame, for word times
    export/      writes the formats of other tools, and opens them there
    judge/       scores how well transcripts fit clips; optional
    model/       the model in memory, shared by training, decoding and alignment
    runtime/     the model in another runtime, shared by decoding and judge

``dvc.yaml`` lists these folders, so all but ``judge/`` must exist; a family is free in what it puts
into them. No code outside the family imports ``model/`` and ``runtime/``: both may be empty but for
a docstring. A role must import in milliseconds, so its functions import torch and transformers when
they are called. mypy checks a family whose ``__init__.py`` annotates its roles, as Whisper's does.

This file is longer than others, so that the author of a new family reads only one.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, overload, runtime_checkable

from asr.core.by_name import module_by_name
from asr.core.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch
    from torch import nn

    from asr.alignment.params import AlignParams
    from asr.alignment.unit_scores import Aligner
    from asr.audit.listening import JudgeResult
    from asr.audit.params import AuditParams
    from asr.core.schema import Schema
    from asr.decoding.params import DecodeParams
    from asr.decoding.transcribe import ComputedSeconds
    from asr.devices.params import MachineParams
    from asr.export.formats import ExportFormat
    from asr.features.batching import LongContext
    from asr.training.labels import ClipLabels, LabelRules
    from asr.training.params import TrainParams
    from asr.utterances.hypothesis import Hypothesis
    from asr.utterances.utterance import Utterance
    from asr.utterances.waveform import Waveform

FOLDER = Path(__file__).parent


class WindowRole(Protocol):
    """``window``.

    Attributes:
        MAX_DURATION_S: the longest clip, in seconds; ``prepare.max_duration_s`` is at most this.
    """

    MAX_DURATION_S: float


class TextTokens(Protocol):
    """The tokens of transcripts, counted without torch."""

    def num_labels(self, text: str, language: str) -> int:
        """Number of target tokens of a transcript, without prompt and end token."""

    def max_labels(self, duration_s: float) -> int:
        """Most tokens for a clip: limited by decoder positions, or by frames in a CTC model."""


@runtime_checkable
class HasAlphabet(Protocol):
    """Tokens that write only letters which the model has learned, such as those of CTC."""

    def unknown_letters(self, texts: Iterable[str]) -> Mapping[str, int]:
        """Count the letters of texts that no token writes, neither as capitals nor as small."""


class TokensRole(Protocol):
    """``tokens``."""

    def open_tokens(self, model: Path) -> TextTokens:
        """Read the tokenizer from a model folder."""


class BaseRole(Protocol):
    """``base``.

    Attributes:
        Block: schema of the family's blocks in ``conf/models.yaml``. The base stage downloads each
            field of type ``asr.sources.weights.Weights`` into its own folder.
    """

    @property
    def Block(self) -> "type[Schema]":  # noqa: N802
        """See above."""

    def language_fault(self, language: str, block: Any | None) -> str | None:
        """Check whether the family can transcribe a language, before anything is fetched.

        Args:
            language: ISO 639 code, of a corpus.
            block: the validated block of ``conf/models.yaml``; None if there is no such file.

        Returns:
            What was expected, or None if the language is right.
        """

    def bring_base(self, block: Any, weights: Mapping[str, Path], out: Path) -> None:
        """Write the pretrained model into the empty folder ``out``, in float32.

        Args:
            block: the validated block of ``conf/models.yaml``.
            weights: folder of the downloaded weights, by field of the block.
            out: filled with all that the other roles read; same weights, same bytes.

        Raises:
            InputError: if a folder holds no model of the family, or only part of one.
        """


class Batch(Protocol):
    """A family's batch for its loss."""

    @property
    def num_targets(self) -> int:
        """Number of tokens that the loss sums over."""


class Trainee(Protocol):
    """A model to train.

    Attributes:
        network: holds the weights; those with ``requires_grad`` are trained.
        summed_loss: maps a batch to the loss summed over its target tokens.
        weight_groups: groups of weights that ``train.phases`` can name, each with prefixes of the
            names of its weights. The longest matching prefix wins, and each trainable weight is in
            a group. ``encoder`` in params.yaml means ``encoder.lower`` and ``encoder.upper``.
        rate_factors: factor on ``train.lr`` by group; without one the factor is 1.
        long_context: which batches get a longer context than their clips need; None if the output
            of the model does not depend on what follows a clip.
    """

    @property
    def network(self) -> "nn.Module":
        """See above."""

    @property
    def summed_loss(self) -> "nn.Module":
        """See above."""

    @property
    def weight_groups(self) -> Mapping[str, Sequence[str]]:
        """See above."""

    @property
    def rate_factors(self) -> Mapping[str, float]:
        """See above."""

    @property
    def long_context(self) -> "LongContext | None":
        """See above."""

    def seconds(self, duration_s: float) -> float:
        """Seconds of audio that the model computes for a clip of ``duration_s``."""

    def num_labels(self, text: str, language: str) -> int:
        """See ``TextTokens``."""

    def max_labels(self, duration_s: float) -> int:
        """See ``TextTokens``."""

    def batch(
        self,
        waveforms: "Sequence[Waveform]",
        utterances: "Sequence[Utterance]",
        context_s: float,
        seeds: Sequence[int] | None,
        *,
        zeros: bool,
    ) -> Batch:
        """Build a batch of clips and transcripts.

        Args:
            waveforms: float32, mono, 16 kHz, none longer than ``context_s``.
            utterances: the same clips, with transcripts.
            context_s: seconds that the model computes for each clip.
            seeds: one per clip, so that its masks don't depend on the other clips of the batch;
                None for no random changes of clips and transcripts.
            zeros: whether to pad with zeros in the features; see ``LongContext.zeros_share``.

        Raises:
            InputError: if a transcript has too many tokens; names the utterance.
        """

    @property
    def label_rules(self) -> "LabelRules":
        """What the labels of a batch must be like; checked before the first step."""

    def clip_labels(self, batch: Any) -> "list[ClipLabels]":
        """Labels and features of each clip, read from what ``batch`` built."""

    def transcribe(
        self,
        waveforms: "Sequence[Waveform]",
        utterances: "Sequence[Utterance]",
        context_s: float,
        budgets: Sequence[int],
    ) -> "list[Hypothesis]":
        """Transcribe a batch greedily with the current weights; see ``Engine.transcribe``."""

    def save(self, out: Path) -> None:
        """Merge adapters and write the tuned model into the empty folder ``out``."""


@runtime_checkable
class HasLayers(Protocol):
    """A trainee whose layers can be sharded over processes: ``machine.shard_weights``."""

    @property
    def layers(self) -> "Sequence[nn.Module]":
        """The layers to shard, which hold most weights; each is called as a module."""


@runtime_checkable
class CountsOnDev(Protocol):
    """A trainee that counts more than errors on dev, such as frames in which CTC has a blank."""

    def dev_counts(self) -> dict[str, tuple[int, int]]:
        """What ``transcribe`` counted since the last call, for the curves: by name, part and whole.

        Only of what dev and the weights alone determine, so that a resumed run has equal curves.
        """


@runtime_checkable
class MakesVocabulary(Protocol):
    """A trainee whose labels come from the transcripts of train, such as the letters of CTC.

    ``base`` runs before there is a split, and letters must not come from dev or test.
    """

    def make_vocabulary(self, train: "Sequence[Utterance]", dev: "Sequence[Utterance]") -> None:
        """Make the vocabulary; called once, after loading and before all else.

        Args:
            train: the transcripts to learn, in the form of ``train.text``.
            dev: those of dev, only to say which of their letters train lacks.
        """


@runtime_checkable
class CachesEncoder(Protocol):
    """A trainee whose encoder can be frozen, so that each clip is encoded only once.

    Attributes:
        cache_encoder: whether the family's params enable the cache.
        encoder_width: size of the encoder's output vector at each position.
    """

    @property
    def cache_encoder(self) -> bool:
        """See above."""

    @property
    def encoder_width(self) -> int:
        """See above."""

    def encoder_version(self) -> str:
        """Hash of the encoder's weights and code: all but the clip that its output depends on."""

    def num_positions(self, context_s: float) -> int:
        """Number of encoder positions for a context of ``context_s`` seconds."""

    def encode(
        self, waveforms: "Sequence[Waveform]", context_s: float
    ) -> "npt.NDArray[np.float32]":
        """Encode clips with one context; shape (num_clips, num_positions, encoder_width)."""

    def cached_batch(
        self,
        outputs: "Sequence[npt.NDArray[np.float16]]",
        utterances: "Sequence[Utterance]",
        seeds: Sequence[int] | None,
    ) -> Batch:
        """Build the batch of ``Trainee.batch`` from cached encoder outputs."""


class TrainingRole(Protocol):
    """``training``.

    Attributes:
        OwnParams: schema of ``<family>.train`` in params.yaml, the params of this family alone.
    """

    @property
    def OwnParams(self) -> "type[Schema]":  # noqa: N802
        """See above."""

    def faults(self, train: "TrainParams", own: Any) -> list[str]:
        """List conflicts between the two sections, each as ``key: expected …``."""

    def groups(self, train: "TrainParams", own: Any) -> Sequence[str]:
        """List the groups of ``Trainee.weight_groups`` with weights that the two sections train."""

    def open_trainee(
        self, base: Path, device: "torch.device", train: "TrainParams", own: Any
    ) -> Trainee:
        """Load the base model and mark the weights to train.

        Raises:
            InputError: if ``base`` holds no model of the family.
        """


class Engine(Protocol):
    """A model that transcribes.

    Attributes:
        num_workers: number of batches it decodes in parallel, each called from its own thread.
        device: ``cpu``, ``cuda`` or ``mps``.
    """

    @property
    def num_workers(self) -> int:
        """See above."""

    @property
    def device(self) -> str:
        """See above."""

    def transcribe(
        self,
        waveforms: "Sequence[Waveform]",
        utterances: "Sequence[Utterance]",
        context_s: float,
        budgets: Sequence[int],
    ) -> "list[Hypothesis]":
        """Transcribe one batch; returns one hypothesis per clip, in order.

        Args:
            waveforms: float32, mono, 16 kHz, none longer than ``context_s``.
            utterances: the same clips, for language and id.
            context_s: seconds that the model computes for each clip.
            budgets: most tokens per clip, the end token included.
        """


class DecodingRole(Protocol):
    """``decoding``.

    Attributes:
        OwnParams: schema of ``<family>.decode`` in params.yaml, the params of this family alone.
    """

    @property
    def OwnParams(self) -> "type[Schema]":  # noqa: N802
        """See above."""

    def computed_seconds(self, model: Path, own: Any) -> "ComputedSeconds":
        """Seconds that the model in a folder computes for a clip, read without its weights."""

    def open_engine(
        self, model: Path, machine: "MachineParams", decode: "DecodeParams", own: Any
    ) -> Engine:
        """Load the model in a folder.

        Raises:
            InputError: if the device is missing, the engine can't use it, or the folder holds no
                model of the family.
        """


class AlignmentRole(Protocol):
    """``alignment``."""

    def open_aligner(
        self, model: Path, machine: "MachineParams", align: "AlignParams"
    ) -> "Aligner":
        """Load the model in a folder to find the times of words.

        Raises:
            InputError: if the device is missing, or the folder holds no model of the family.
        """


class ExportRole(Protocol):
    """``export``."""

    def formats(self) -> "Mapping[str, ExportFormat]":
        """The formats that the family writes, by their name in ``export.formats``."""

    def as_others_decode(self, own: Any) -> Any:
        """Change ``<family>.decode`` to what other tools compute, for the check of parity."""


class Judge(Protocol):
    """A model that scores how well texts fit clips.

    Attributes:
        num_workers: number of batches it scores in parallel, each called from its own thread.
    """

    @property
    def num_workers(self) -> int:
        """See above."""

    def score_clips(
        self,
        waveforms: "Sequence[Waveform]",
        language: str,
        context_s: float,
        texts: Sequence[Sequence[str]],
        budgets: Sequence[int],
    ) -> "list[JudgeResult]":
        """Encode each clip once and score its texts against it.

        Args:
            waveforms: float32, mono, 16 kHz, none longer than ``context_s``.
            language: ISO 639 code of all clips.
            context_s: seconds that the encoder computes for each clip.
            texts: at least one per clip; a text longer than the decoder is cut.
            budgets: most tokens of the hypothesis, per clip.

        Returns:
            One result per clip, in order.
        """


class JudgeScope(Protocol):
    """The languages and clip lengths that a judge supports."""

    def takes(self, language: str, duration_s: float) -> bool:
        """Whether the judge supports the language and the clip length."""

    def seconds(self, duration_s: float) -> float:
        """Seconds of audio that the judge computes for a clip of ``duration_s``."""

    def num_labels(self, text: str, language: str) -> int:
        """See ``TextTokens``."""


class JudgeRole(Protocol):
    """``judge``."""

    def judge_scope(self, model: Path, audit: "AuditParams") -> JudgeScope:
        """Read what the judge in a folder supports, without its weights."""

    def open_judge(
        self, model: Path, audit: "AuditParams", num_threads: int, device: str = "cpu"
    ) -> Judge:
        """Load the model in a folder as a judge on ``num_threads`` cores, or on device ``cuda``.

        Raises:
            InputError: if the judge can't use the device, or the folder holds no model.
        """


@overload
def family_module(family: str, role: Literal["window"]) -> WindowRole: ...
@overload
def family_module(family: str, role: Literal["tokens"]) -> TokensRole: ...
@overload
def family_module(family: str, role: Literal["base"]) -> BaseRole: ...
@overload
def family_module(family: str, role: Literal["training"]) -> TrainingRole: ...
@overload
def family_module(family: str, role: Literal["decoding"]) -> DecodingRole: ...
@overload
def family_module(family: str, role: Literal["alignment"]) -> AlignmentRole: ...
@overload
def family_module(family: str, role: Literal["export"]) -> ExportRole: ...
@overload
def family_module(family: str, role: Literal["judge"]) -> JudgeRole: ...
def family_module(family: str, role: str) -> object:
    """Import a role of a family.

    Raises:
        InputError: if the family does not exist or lacks the role.
    """
    known = sorted(path.parent.name for path in FOLDER.glob("*/__init__.py"))
    if family not in known:
        raise InputError(f"model.family: no family {family!r}, there are {known}")
    return module_by_name(f"asr.families.{family}", role, f"model.family: {family}")
