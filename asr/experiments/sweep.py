"""Run the trials of a sweep as experiments of DVC's queue, and end hopeless ones early.

Every trial is an ordinary experiment: DVC checks out the commit in a folder of its own, its workers
run one trial each, and ``dvc exp show`` lists it. This process only proposes values, reads the
curves of the trainings that run, and stops those that Optuna gives up. It can be killed at any
moment: the queue goes on, and the same command waits for it again.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from optuna.trial import FrozenTrial, TrialState

from asr.core.errors import InputError
from asr.experiments import queue
from asr.experiments.live import live_curve
from asr.experiments.search import value_of_params, words_of
from asr.experiments.study import Study, tried_values

METRICS = "metrics/train.json"
MOST_FAILURES = 3  # if as many trials fail and none ends well, something else is wrong
RESTART_S = 30.0  # a worker takes seconds to start, half a minute on a busy machine
# A worker that stores the results of a trial, whose process has ended, takes seconds for it.
GONE_S = 30.0


@dataclass
class Sweep:
    """A sweep that runs.

    Attributes:
        study: its trials.
        jobs: trials at once; one a GPU.
        show: called with a line for each change.
        shown: the last status that was shown, by experiment.
        started: when workers were started last.
        gone: since when an experiment has neither a process nor a worker.
    """

    study: Study
    jobs: int
    show: Callable[[str], None] = print
    shown: dict[str, str] = field(default_factory=dict)
    started: float = -RESTART_S
    gone: dict[str, float] = field(default_factory=dict)

    def run(self, poll_s: float) -> None:
        """Run trials until there are as many as the sweep asks for.

        Args:
            poll_s: seconds between two looks at the queue.

        Raises:
            InputError: if DVC refuses an experiment, or the first trials all fail.
        """
        study = self.study
        first = {key: value_of_params(key) for key in study.search.space}
        while True:
            found = queue.statuses()
            for trial in study.running():
                self._settle(trial, found.get(study.name_of(trial), ""))
            _check_failures(study)
            while len(study.running()) < self.jobs and len(study.trials) < study.search.trials:
                trial = study.ask(first)
                values = ", ".join(f"{key} {one}" for key, one in tried_values(trial).items())
                self.show(f"{study.name_of(trial)}: {values}")
                self._put(trial)
            found = queue.statuses()
            self._end_pruned(found)
            if not study.running():
                return
            self._start_workers(found)
            time.sleep(poll_s)

    def _put(self, trial: FrozenTrial) -> None:
        words = words_of(self.study.overrides(trial), self.study.name)
        queue.put(self.study.name_of(trial), words, self.study.search.target)

    def _settle(self, trial: FrozenTrial, status: str) -> None:
        """Store what became of a trial; end it if it is hopeless; queue it again if it is lost."""
        study = self.study
        name, error = study.name_of(trial), study.search.error
        if status not in ("", self.shown.get(name)):
            self.show(f"{name}: {status}")
            self.shown[name] = status
        if status == "Success" or (not status and name in queue.experiments()):
            curve = live_curve(name)
            study.report(trial, _errors(curve.errors, error))
            result = queue.metrics(name, METRICS)["dev"]
            study.finish(trial, curve.seconds, result[error])
            self.show(f"{name}: {error.upper()} on dev {result[error]:.3f}, step {result['step']}")
        elif status == "Failed":
            study.finish(trial, live_curve(name).seconds, None)
        elif not status:
            # This process was killed between the proposal and the queue, or the queue was emptied.
            self._put(trial)
        elif status == "Running" and self._is_lost(name):
            self.show(f"{name}: its process is gone; it goes on from its last checkpoint")
            queue.kill(name)
            queue.forget(name)
            self._put(trial)
        elif status == "Running":
            curve = live_curve(name)
            if study.report(trial, _errors(curve.errors, error)):
                study.prune(trial, curve.seconds)
                step, last = max(_errors(curve.errors, error).items())
                self.show(f"{name}: ends early, {error.upper()} on dev {last:.3f}, step {step}")

    def _is_lost(self, name: str) -> bool:
        """Whether nothing works on it, as after a restart of the machine."""
        if name not in queue.gone() or queue.num_workers():
            self.gone.pop(name, None)
            return False
        return time.monotonic() - self.gone.setdefault(name, time.monotonic()) > GONE_S

    def _end_pruned(self, found: Mapping[str, str]) -> None:
        """Stop trainings that were given up; once they are gone, take them off the queue's list."""
        for trial in self.study.trials:
            name = self.study.name_of(trial)
            if trial.state != TrialState.PRUNED:
                continue
            if found.get(name) == "Running" and self.shown.get(name) != "stopped":
                self.shown[name] = "stopped"
                with suppress(InputError):  # it may have ended just now
                    queue.kill(name)
            elif found.get(name) in ("Queued", "Failed"):
                queue.forget(name)

    def _start_workers(self, found: Mapping[str, str]) -> None:
        names = map(self.study.name_of, self.study.running())
        waits = any(found.get(name) == "Queued" for name in names)
        if waits and time.monotonic() - self.started > RESTART_S:
            queue.start_workers(self.jobs)  # those that run count too
            self.started = time.monotonic()


def _errors(errors: Mapping[int, Mapping[str, float]], error: str) -> dict[int, float]:
    return {step: rates[error] for step, rates in errors.items()}


def _check_failures(study: Study) -> None:
    states = [trial.state for trial in study.trials]
    failed = [trial for trial in study.trials if trial.state == TrialState.FAIL]
    if len(failed) >= MOST_FAILURES and TrialState.COMPLETE not in states:
        names = ", ".join(study.name_of(trial) for trial in failed)
        raise InputError(f"all failed: {names}; see: dvc queue logs {study.name_of(failed[0])}")
