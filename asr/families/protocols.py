"""The contract of a model family: what each of its roles offers, and what that returns.

A family is a folder ``asr/families/<family>/`` of roles::

    window.py    how long a clip may be
    tokens/      how many tokens a transcript has, and how many fit
    base/        bring pretrained weights, check and convert them
    training/    what learns, on which batch, by which loss
    decoding/    the engine that transcribes
    judge/       how well transcripts fit clips; of families that can judge
    model/       a model in memory: what the family's training and decoding share
    runtime/     a model in another runtime: what its decoding and judge share

``dvc.yaml`` names these, so all but ``judge/`` must be there; what lies inside a role is the
family's own. Nobody else asks anything of ``model/`` and ``runtime/``, which may hold words alone.
Importing a role costs milliseconds: torch and transformers are imported by its functions when they
are called. mypy holds each family to this file where its ``__init__.py`` says so.

Longer than other files, so that a new family's author reads one.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, overload, runtime_checkable

from asr.core.by_name import module_by_name
from asr.core.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch
    from torch import nn

    from asr.audit.listening import Heard
    from asr.audit.params import AuditParams
    from asr.core.schema import Schema
    from asr.decoding.params import DecodeParams
    from asr.decoding.transcribe import ComputedSeconds
    from asr.devices.params import MachineParams
    from asr.features.batching import LongContext
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
        """Tokens that the model learns for a transcript, without prompt and end."""

    def max_labels(self, duration_s: float) -> int:
        """The most that fit for a clip: a decoder's positions, or the frames of a CTC model."""


class TokensRole(Protocol):
    """``tokens``."""

    def open_tokens(self, model: Path) -> TextTokens:
        """Read the tokenizer of a model's folder."""


class BaseRole(Protocol):
    """``base``.

    Attributes:
        Block: schema of the family's blocks in ``conf/models.yaml``. Each field of type
            ``asr.sources.weights.Weights`` is brought to a folder of its own.
    """

    @property
    def Block(self) -> "type[Schema]":  # noqa: N802
        """See above."""

    def bring_base(self, block: Any, weights: Mapping[str, Path], out: Path) -> None:
        """Write the pretrained model into the empty folder ``out``, in float32.

        Args:
            block: of ``conf/models.yaml``, as ``Block`` has checked it.
            weights: by field of the block, the folder with what was brought.
            out: holds afterwards all that the other roles need; the same bytes for the same
                weights.

        Raises:
            InputError: if a folder holds no such model, or not all of one.
        """


class Batch(Protocol):
    """A family's batch for its loss."""

    @property
    def num_targets(self) -> int:
        """Tokens that the loss is summed over."""


class Trainee(Protocol):
    """A model that is tuned.

    Attributes:
        network: holds the weights; those that require a gradient learn.
        summed_loss: maps a batch to the loss summed over its target tokens.
        rate_factors: by prefix of a weight's name, the factor of ``train.lr``; the longest prefix
            counts, and no prefix stands for 1.
        long_context: which batches are computed with more than their clips; None where the model
            computes a clip's own length whatever follows.
    """

    @property
    def network(self) -> "nn.Module":
        """See above."""

    @property
    def summed_loss(self) -> "nn.Module":
        """See above."""

    @property
    def rate_factors(self) -> Mapping[str, float]:
        """See above."""

    @property
    def long_context(self) -> "LongContext | None":
        """See above."""

    def seconds(self, duration_s: float) -> float:
        """Seconds of audio that are computed for a clip."""

    def num_labels(self, text: str, language: str) -> int:
        """As ``TextTokens``."""

    def max_labels(self, duration_s: float) -> int:
        """As ``TextTokens``."""

    def batch(
        self,
        waveforms: "Sequence[Waveform]",
        utterances: "Sequence[Utterance]",
        context_s: float,
        seeds: Sequence[int],
        *,
        zeros: bool,
    ) -> Batch:
        """Build a batch of clips and transcripts.

        Args:
            waveforms: float32, mono, 16 kHz, none longer than ``context_s``.
            utterances: the same clips, with transcripts.
            context_s: seconds that are computed for each of them.
            seeds: each clip's own, so that what is hidden of it doesn't depend on its company.
            zeros: whether zeros in the features follow a clip, as ``long_context`` may ask.

        Raises:
            InputError: for a transcript that doesn't fit, naming the utterance.
        """

    def transcribe(
        self,
        waveforms: "Sequence[Waveform]",
        utterances: "Sequence[Utterance]",
        context_s: float,
        budgets: Sequence[int],
    ) -> "list[Hypothesis]":
        """Transcribe a batch greedily with the network as it is; as ``Engine.transcribe``."""

    def save(self, out: Path) -> None:
        """Write the tuned model into the empty folder ``out``, adapters merged."""


@runtime_checkable
class HasLayers(Protocol):
    """A trainee of which each process can keep a part: ``machine.shard_weights``."""

    @property
    def layers(self) -> "Sequence[nn.Module]":
        """The layers that hold most weights, each called as a module."""


@runtime_checkable
class CachesEncoder(Protocol):
    """A trainee whose encoder may stay as it is, so that each clip is encoded once.

    Attributes:
        cache_encoder: whether its params ask for it.
        encoder_width: numbers that the encoder gives for a position.
    """

    @property
    def cache_encoder(self) -> bool:
        """See above."""

    @property
    def encoder_width(self) -> int:
        """See above."""

    def encoder_version(self) -> str:
        """A hash of all that the encoder's output hangs on beside the clip: weights and code."""

    def num_positions(self, context_s: float) -> int:
        """Positions of encoder output for a context."""

    def encode(
        self, waveforms: "Sequence[Waveform]", context_s: float
    ) -> "npt.NDArray[np.float32]":
        """Encoder output of clips in one context, shape (clips, num_positions, encoder_width)."""

    def cached_batch(
        self,
        outputs: "Sequence[npt.NDArray[np.float16]]",
        utterances: "Sequence[Utterance]",
        seeds: Sequence[int],
    ) -> Batch:
        """As ``Trainee.batch``, from what the encoder gave before."""


class TrainingRole(Protocol):
    """``training``.

    Attributes:
        OwnParams: schema of ``<family>.train`` in params.yaml: what only this family understands.
    """

    @property
    def OwnParams(self) -> "type[Schema]":  # noqa: N802
        """See above."""

    def faults(self, train: "TrainParams", own: Any) -> list[str]:
        """What of the two sections doesn't go together, each as ``key: expected …``."""

    def open_trainee(
        self, base: Path, device: "torch.device", train: "TrainParams", own: Any
    ) -> Trainee:
        """Load the base model and choose what learns.

        Raises:
            InputError: if the folder holds no model of the family.
        """


class Engine(Protocol):
    """A model that transcribes.

    Attributes:
        num_workers: batches that it takes at a time, each from a thread of its own.
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
        """Hypotheses of one batch, in order.

        Args:
            waveforms: float32, mono, 16 kHz, none longer than ``context_s``.
            utterances: the same clips, for language and id.
            context_s: seconds that are computed for each of them.
            budgets: tokens that a clip may have, its end token included.
        """


class DecodingRole(Protocol):
    """``decoding``.

    Attributes:
        OwnParams: schema of ``<family>.decode`` in params.yaml: what only this family understands.
    """

    @property
    def OwnParams(self) -> "type[Schema]":  # noqa: N802
        """See above."""

    def computed_seconds(self, model: Path, own: Any) -> "ComputedSeconds":
        """How many seconds the model in a folder computes for a clip, without loading it."""

    def open_engine(
        self, model: Path, machine: "MachineParams", decode: "DecodeParams", own: Any
    ) -> Engine:
        """Load a model's folder.

        Raises:
            InputError: if the device is not there, the engine can't use it, or the folder holds no
                model of the family.
        """


class Judge(Protocol):
    """A model that says how well texts fit clips.

    Attributes:
        num_workers: batches that it takes at a time, each from a thread of its own.
    """

    @property
    def num_workers(self) -> int:
        """See above."""

    def hear(
        self,
        waveforms: "Sequence[Waveform]",
        language: str,
        context_s: float,
        texts: Sequence[Sequence[str]],
        budgets: Sequence[int],
    ) -> "list[Heard]":
        """Encode each clip once and score its texts against it.

        Args:
            waveforms: float32, mono, 16 kHz, none longer than ``context_s``.
            language: ISO 639 code, of all of them.
            context_s: seconds that the encoder computes.
            texts: by clip, at least one; of a text longer than the decoder its beginning counts.
            budgets: by clip, tokens that a hypothesis may have.
        """


class JudgeScope(Protocol):
    """The utterances that a judge can judge."""

    def takes(self, language: str, duration_s: float) -> bool:
        """Whether it has a token for the language, and takes clips of such a length."""

    def seconds(self, duration_s: float) -> float:
        """Seconds of audio that it computes for a clip."""


class JudgeRole(Protocol):
    """``judge``."""

    def judge_scope(self, model: Path, audit: "AuditParams") -> JudgeScope:
        """What the judge in a folder can judge, without loading its weights."""

    def open_judge(self, model: Path, audit: "AuditParams", num_threads: int) -> Judge:
        """Load a model's folder as a judge, on ``num_threads`` cores."""


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
def family_module(family: str, role: Literal["judge"]) -> JudgeRole: ...
def family_module(family: str, role: str) -> object:
    """The role of a family, imported when it is asked for.

    Raises:
        InputError: if there is no such family, or it hasn't the role.
    """
    known = sorted(path.parent.name for path in FOLDER.glob("*/__init__.py"))
    if family not in known:
        raise InputError(f"model.family: no family {family!r}, there are {known}")
    return module_by_name(f"asr.families.{family}", role, f"model.family: {family}")
