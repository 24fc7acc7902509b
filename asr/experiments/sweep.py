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
        is_current: whether code and params are still those that the study is of.
        show: called with a line for each change.
        failed: experiments that failed while this process waited for them.
        shown: the last status that was shown, by experiment.
        started: when workers were started last.
        gone: since when an experiment has neither a process nor a worker.
    """

    study: Study
    jobs: int
    is_current: Callable[[], bool]
    show: Callable[[str], None] = print
    failed: list[str] = field(default_factory=list)
    shown: dict[str, str] = field(default_factory=dict)
    started: float = -RESTART_S
    gone: dict[str, float] = field(default_factory=dict)

    def run(self, poll_s: float) -> None:
        """Run trials until there are as many as the sweep asks for.

        If code or params change meanwhile, the trials that run are the last ones.

        Args:
            poll_s: seconds between two looks at the queue.

        Raises:
            InputError: if DVC refuses an experiment, or the first trials all fail.
        """
        study = self.study
        study.drop_unfinished_proposals()
        first = {key: value_of_params(key) for key in study.search.space}
        while True:
            found = queue.statuses()
            for trial in study.running():
                self._settle(trial, found.get(study.name_of(trial), ""))
            self._check_failures()
            while len(study.running()) < self.jobs and len(study.trials) < study.search.trials:
                if not self.is_current():
                    break
                trial = study.ask(first)
                values = ", ".join(f"{key} {one}" for key, one in tried_values(trial).items())
                self.show(f"{study.name_of(trial)}: {values}")
                self._put(trial)
            found = queue.statuses()
            self._end_pruned(found)
            if not study.running():
                break
            self._start_workers(found)
            time.sleep(poll_s)
        if len(study.trials) < study.search.trials:
            self.show(
                f"{study.name}: code or params.yaml changed, so {len(study.trials)} of "
                f"{study.search.trials} trials were run; the same command begins a new study"
            )

    def _put(self, trial: FrozenTrial) -> None:
        """Queue a trial, unless one with the same values runs; one that can't run fails."""
        study, name = self.study, self.study.name_of(trial)
        for other in study.running():
            if other.number < trial.number and tried_values(other) == tried_values(trial):
                # Two trainings of the same values can't run at once; DVC keeps the first's result.
                self._show_once(name, f"waits for {study.name_of(other)}, which has its values")
                return
        try:
            words = words_of(study.overrides(trial), study.name)
        except InputError as error:  # values that params.yaml allows one by one, but not together
            self._fail(trial, str(error))
            return
        queue.put(name, words, study.search.target)

    def _put_again(self, trial: FrozenTrial) -> None:
        """The same for a trial of earlier, whose code and params may have changed."""
        if self.is_current():
            self._put(trial)
        else:
            self._fail(trial, "not run, since code or params.yaml changed")

    def _fail(self, trial: FrozenTrial, why: str) -> None:
        self.show(f"{self.study.name_of(trial)}: {why}")
        self.study.finish(trial, 0.0, None)

    def _show_once(self, name: str, status: str) -> None:
        if status != self.shown.get(name):
            self.show(f"{name}: {status}")
            self.shown[name] = status

    def _settle(self, trial: FrozenTrial, status: str) -> None:
        """Store what became of a trial; end it if it is hopeless; queue it again if it is lost."""
        study = self.study
        name, error = study.name_of(trial), study.search.error
        if status:
            self._show_once(name, status)
        if status == "Success" or (not status and name in queue.experiments()):
            curve = live_curve(name)
            study.report(trial, _errors(curve.errors, error))
            result = queue.metrics(name, METRICS)["dev"]
            study.finish(trial, curve.seconds, result[error])
            self.show(f"{name}: {error.upper()} on dev {result[error]:.3f}, step {result['step']}")
        elif status == "Failed":
            study.finish(trial, live_curve(name).seconds, None)
            self.failed.append(name)
        elif not status:
            # This process was killed between the proposal and the queue, or the queue was emptied.
            self._put_again(trial)
        elif status == "Running" and self._is_lost(name):
            self.show(f"{name}: its process is gone; it goes on from its last checkpoint")
            queue.end_gone(name)
            self._put_again(trial)
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

    def _check_failures(self) -> None:
        """Earlier failures don't count: whatever caused them may be mended."""
        states = [trial.state for trial in self.study.trials]
        if len(self.failed) >= MOST_FAILURES and TrialState.COMPLETE not in states:
            names = ", ".join(self.failed)
            raise InputError(f"all failed: {names}; see: dvc queue logs {self.failed[0]}")

    def _start_workers(self, found: Mapping[str, str]) -> None:
        names = map(self.study.name_of, self.study.running())
        waits = any(found.get(name) == "Queued" for name in names)
        if waits and time.monotonic() - self.started > RESTART_S:
            queue.start_workers(self.jobs)  # those that run count too
            self.started = time.monotonic()


def _errors(errors: Mapping[int, Mapping[str, float]], error: str) -> dict[int, float]:
    return {step: rates[error] for step, rates in errors.items()}
