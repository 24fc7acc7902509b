"""The audit on a Ray cluster: a judge in each of its workers, fed from here."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from asr.audit.listening import Heard, Judge
from asr.families import family_module
from asr.utterances.waveform import Waveform
from asr.workers.ray_models import RayModels, ray_models


class RayJudge:
    """An ``asr.audit.listening.Judge`` made of others; one here counts tokens."""

    def __init__(self, here: Judge, listeners: RayModels) -> None:
        self.num_workers = listeners.num
        self.max_tokens, self.num_tokens = here.max_tokens, here.num_tokens
        self._listeners = listeners

    def hear(
        self,
        waveforms: Sequence[Waveform],
        language: str,
        context_s: float,
        texts: Sequence[Sequence[str]],
        budgets: Sequence[int],
    ) -> list[Heard]:
        """As ``asr.audit.listening.Judge``, by whoever is free."""
        batch = waveforms, language, context_s, texts, budgets
        heard: list[Heard] = self._listeners.ask("hear", *batch)
        return heard


@contextmanager
def ray_judge(
    here: Judge, family: str, model: Path, precision: str, num: int
) -> Iterator[RayJudge]:
    """A judge for the time of the block; see ``ray_models``.

    Args:
        here: of the same model.
        family: of models, as in ``params.yaml``.
        model: a plain transformers folder.
        precision: as ``audit.precision``.
        num: workers; 0 is one a core.

    Raises:
        InputError: if the cluster can't be reached.
    """
    open_one = partial(_open_one, family, precision)
    with ray_models(open_one, model, num, may_use_gpus=False) as listeners:
        yield RayJudge(here, listeners)


def _open_one(family: str, precision: str, folder: Path, on_gpu: bool) -> Judge:
    """In a worker: a judge on one core."""
    judge: Judge = family_module(family, "judge.judge").open_judge(folder, precision, 1)
    return judge
