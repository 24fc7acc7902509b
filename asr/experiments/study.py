"""The trials of a sweep in Optuna: which values come next, which trials end early, what is done.

Optuna proposes values and stores everything in SQLite, in DVC's temporary folder; it runs nothing
(its ask-and-tell interface). A study is kept by the sweep's name and a hash of its file and of the
code, so a changed sweep starts anew. Each proposal has a seed of its own: a sweep that was killed
goes on with the values that it would have had.
"""

from collections.abc import Mapping
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, Trial, TrialState

from asr.core.locks import dvc_tmp
from asr.experiments.search import DIGITS, Choice, SearchParams, Span, Value

FOLDER = "sweeps"  # in DVC's temporary folder


class Study:
    """A sweep's trials; each is an experiment of DVC by the name ``<study>-<number>``."""

    def __init__(self, name: str, version: str, search: SearchParams) -> None:
        """Open it, or begin it.

        Args:
            name: of the sweep.
            version: hash of all that its trials depend on beside their values.
            search: what is varied.
        """
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.search = search
        self.name = f"{name}-{version[:7]}"
        folder = dvc_tmp() / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        pruning = search.prune
        self._study = optuna.create_study(
            study_name=self.name,
            storage=f"sqlite:///{folder / name}.sqlite",
            direction="minimize",
            load_if_exists=True,
            pruner=optuna.pruners.NopPruner()
            if pruning is None
            else optuna.pruners.MedianPruner(pruning.trials, pruning.steps),
        )
        self._space = {key: _distribution(one) for key, one in search.space.items()}

    def drop_unfinished_proposals(self) -> None:
        """Give up trials without all values: the process was killed while it stored them."""
        for trial in self.running():
            if trial.params.keys() != self._space.keys():
                self._study.tell(trial.number, state=TrialState.FAIL)

    @property
    def trials(self) -> list[FrozenTrial]:
        """All that were asked for, by number."""
        asked = (TrialState.RUNNING, TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
        return self._study.get_trials(states=asked)

    def running(self) -> list[FrozenTrial]:
        """Those without a result yet."""
        return [trial for trial in self.trials if trial.state == TrialState.RUNNING]

    def ask(self, first: Mapping[str, Value]) -> FrozenTrial:
        """The next trial.

        Args:
            first: values of the first one, such as those of params.yaml, if all are in the space.
        """
        number = len(self.trials)
        if number == 0 and self._holds(first):
            self._study.enqueue_trial(dict(first), skip_if_exists=True)
        self._study.sampler = optuna.samplers.TPESampler(
            seed=self.search.seed + number, n_startup_trials=self.search.random_trials
        )
        asked = self._study.ask(self._space)
        return self._study.trials[asked.number]

    def name_of(self, trial: FrozenTrial) -> str:
        """Of the trial's experiment."""
        return f"{self.name}-{trial.number}"

    def overrides(self, trial: FrozenTrial) -> dict[str, Any]:
        """Values of params.yaml that the trial runs with."""
        return {**self.search.overrides, **tried_values(trial)}

    def report(self, trial: FrozenTrial, errors: Mapping[int, float]) -> bool:
        """Store the errors on dev by step; returns whether the trial should end now."""
        open_trial = Trial(self._study, trial._trial_id)
        ends = False
        for step, error in sorted(errors.items()):
            if step not in trial.intermediate_values:
                open_trial.report(error, step)
                ends = open_trial.should_prune()
        return ends

    def finish(self, trial: FrozenTrial, seconds: float, error: float | None) -> None:
        """Store the result; None: the experiment failed."""
        Trial(self._study, trial._trial_id).set_user_attr("seconds", round(seconds, 1))
        if error is None:
            self._study.tell(trial.number, state=TrialState.FAIL)
        else:
            self._study.tell(trial.number, error)

    def prune(self, trial: FrozenTrial, seconds: float) -> None:
        """Store that the trial was ended early."""
        Trial(self._study, trial._trial_id).set_user_attr("seconds", round(seconds, 1))
        self._study.tell(trial.number, state=TrialState.PRUNED)

    def _holds(self, values: Mapping[str, Value]) -> bool:
        for key, one in self.search.space.items():
            value = values.get(key)
            if isinstance(one, Choice):
                if value not in one.values:
                    return False
            elif not isinstance(value, int | float) or not one.low <= value <= one.high:
                return False
        return True


def tried_values(trial: FrozenTrial) -> dict[str, Value]:
    """The values of a trial as they are tried: those of spans with ``DIGITS`` significant digits.

    A value that rounding would take out of its span stays as it is.
    """
    return {key: _rounded(one, trial.distributions[key]) for key, one in trial.params.items()}


def _rounded(value: Value, span: BaseDistribution) -> Value:
    if not isinstance(span, FloatDistribution):
        return value
    rounded = float(f"{value:.{DIGITS}g}")
    return rounded if span.low <= rounded <= span.high else value


def _distribution(one: Span | Choice) -> BaseDistribution:
    if isinstance(one, Choice):
        return CategoricalDistribution(one.values)
    if one.whole:
        return IntDistribution(int(one.low), int(one.high), log=one.scale == "log")
    return FloatDistribution(float(one.low), float(one.high), log=one.scale == "log")
