"""The phases of a run, ``train.phases``: which groups of weights learn when, and how fast.

Rates and phase of a step depend only on the step, so a resumed run has those of the whole run. All
weights that ever learn are in the optimizer, the average and the checkpoints from the first step
on. A group that does not learn gets no gradient: AdamW then changes neither weight nor moments,
and makes the moments of a group when it first learns.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asr.core.errors import InputError
from asr.training.groups import is_in, value_for
from asr.training.params import PhaseParams, TrainParams
from asr.training.plan import learning_rate


@dataclass(frozen=True)
class Phase:
    """Steps in which the same groups learn.

    Attributes:
        start: its first step.
        names: the groups that learn, as params.yaml names them.
        peaks: learning rate that the schedule starts from, by group that learns.
        warmup_steps: steps over which the rates rise after the start.
    """

    start: int
    names: tuple[str, ...]
    peaks: Mapping[str, float]
    warmup_steps: int


class Phases:
    """All phases of a run; a run without ``train.phases`` has one.

    Attributes:
        named: whether params.yaml lists phases.
    """

    def __init__(
        self,
        params: TrainParams,
        epochs: Sequence[int],
        groups: Iterable[str],
        factors: Mapping[str, float],
    ) -> None:
        """Place the phases on the steps of a run.

        Args:
            params: section ``train``.
            epochs: the epoch of each step.
            groups: the groups with weights that may learn.
            factors: factor on ``train.lr`` by group, for those whose phase names no rate.

        Raises:
            InputError: if a phase never starts, or starts no later than the one before; or if a
                group has no weights.
        """
        self._params, self._num_steps = params, len(epochs)
        self._groups = sorted(set(groups))
        self.named = bool(params.phases)
        everything = PhaseParams(from_step=0, groups=self._groups)
        self._phases = [
            Phase(
                _start(number, phase, epochs),
                tuple(phase.groups),
                self._peaks(number, phase, factors),
                phase.warmup_steps,
            )
            for number, phase in enumerate(params.phases or [everything])
        ]
        _check_order(self._phases)
        self._columns = self._shown_groups()

    def rates(self, step: int) -> dict[str, float]:
        """Learning rates of a step, counted from 0, by group that learns."""
        phase = self._phases[self._number(step)]
        rise = self._rise(step)
        return {
            group: rise * learning_rate(step, self._num_steps, self._params, peak)
            for group, peak in phase.peaks.items()
        }

    def row(self, step: int) -> dict[str, Any]:
        """Values of a step for log and curves.

        ``lr`` is the rate of groups without one of their own. ``lr_<group>`` is 0 where the group
        does not learn; groups that always learn at one rate, such as ``encoder.lower`` and
        ``encoder.upper``, share a value. ``phase`` counts from 1.
        """
        rates = self.rates(step)
        common = learning_rate(step, self._num_steps, self._params, self._params.lr)
        row: dict[str, Any] = {"phase": self._number(step) + 1} if self.named else {}
        row["lr"] = self._rise(step) * common
        return row | {f"lr_{name}": rates.get(group, 0.0) for name, group in self._columns.items()}

    def switch(self, step: int) -> dict[str, Any] | None:
        """The event to log where a phase of params.yaml starts with ``step``; else None."""
        number = self._number(step)
        phase = self._phases[number]
        if not self.named or phase.start != step:
            return None
        groups = ", ".join(phase.names)
        return {"step": step, "event": "phase", "phase": number + 1, "groups": groups}

    def described(self, step: int) -> str:
        """The phase of a step in words, for the console."""
        number = self._number(step)
        phase = self._phases[number]
        rates = ", ".join(f"{group} {peak:g}" for group, peak in phase.peaks.items())
        return f"phase {number + 1} of {len(self._phases)} from step {phase.start}, lr: {rates}"

    def _number(self, step: int) -> int:
        return max(i for i, phase in enumerate(self._phases) if phase.start <= step)

    def _rise(self, step: int) -> float:
        phase = self._phases[self._number(step)]
        return min(1.0, (step - phase.start + 1) / max(1, phase.warmup_steps))

    def _peaks(
        self, number: int, phase: PhaseParams, factors: Mapping[str, float]
    ) -> dict[str, float]:
        for name in phase.groups:
            if not any(is_in(group, name) for group in self._groups):
                raise InputError(
                    f"train.phases.{number}.groups: expected groups with weights that may learn, "
                    f"{self._groups}, got {name!r}"
                )
        learning = [g for g in self._groups if any(is_in(g, name) for name in phase.groups)]
        return {
            group: value_for(group, phase.lr, self._params.lr * value_for(group, factors, 1.0))
            for group in learning
        }

    def _shown_groups(self) -> dict[str, str]:
        """A group of each column, by the shortest name whose groups always have one rate."""
        always = {
            group: [phase.peaks.get(group) for phase in self._phases] for group in self._groups
        }
        shown: dict[str, str] = {}
        for group in self._groups:
            parts = group.split(".")
            names = [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
            name = next(
                name
                for name in names
                if all(always[g] == always[group] for g in self._groups if is_in(g, name))
            )
            shown[name] = group
        return shown


def _start(number: int, phase: PhaseParams, epochs: Sequence[int]) -> int:
    """The first step of a phase."""
    key, start = phase.start
    steps = [s for s, epoch in enumerate(epochs) if start <= (s if key == "from_step" else epoch)]
    if not steps:
        raise InputError(
            f"train.phases.{number}.{key}: expected a start within this run's {len(epochs)} steps, "
            f"the last of epoch {epochs[-1]}, got {start}: the phase would never start"
        )
    return steps[0]


def _check_order(phases: Sequence[Phase]) -> None:
    for number in range(1, len(phases)):
        before, start = phases[number - 1].start, phases[number].start
        if start <= before:
            raise InputError(
                f"train.phases.{number}: expected a start after step {before}, where phase "
                f"{number - 1} starts, got step {start}"
            )
