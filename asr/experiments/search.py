"""``sweeps/<name>.yaml``: which params a sweep varies, between which values, and for how long."""

import math
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from asr.core.errors import InputError
from asr.core.params import PARAMS, load_block, read_yaml
from asr.core.schema import Schema
from asr.experiments.recipes import Combined, overrides

SWEEPS = Path("sweeps")
Value = bool | int | float | str
DIGITS = 3  # significant, of a value that is tried: more tell nothing, and fill the tables


class Span(Schema):
    """All values from ``low`` to ``high``; integers if both are.

    Attributes:
        low: the lowest.
        high: the highest.
        scale: ``log`` for rates, whose order of magnitude counts.
    """

    low: int | float
    high: int | float
    scale: Literal["linear", "log"]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low >= self.high or (self.scale == "log" and self.low <= 0):
            raise ValueError("expected low < high, and low > 0 on a log scale")
        return self

    @property
    def whole(self) -> bool:
        """Whether all values are integers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def ends(self) -> list[Value]:
        """The values that the schema of params must allow."""
        return [self.low, self.high]


class Choice(Schema):
    """One of these values."""

    values: list[Value] = Field(min_length=2)

    def ends(self) -> list[Value]:
        """The values that the schema of params must allow."""
        return self.values


class Pruning(Schema):
    """When a trial ends early: its best error on dev is above the median of the others' there.

    Attributes:
        trials: that are never ended, the first ones.
        steps: of training before which none is ended.
    """

    trials: int = Field(ge=1)
    steps: int = Field(ge=0)


class SearchParams(Schema):
    """A file of ``sweeps/``.

    Attributes:
        target: stage up to which each trial runs.
        error: on dev, which the sweep makes small.
        trials: how many sets of values are tried.
        random_trials: the first, drawn at random; later ones are drawn near good values.
        seed: of the draws.
        prune: None: every trial trains to its end.
        grid_points: values of a span in the grid that the results compare the cost with.
        overrides: values of params.yaml for all trials.
        space: by key of params.yaml, what is varied.
    """

    target: str = Field(min_length=1)
    error: Literal["wer", "cer"]
    trials: int = Field(ge=2, le=10000)
    random_trials: int = Field(ge=1)
    seed: int = Field(ge=0, lt=2**31)
    prune: Pruning | None
    grid_points: int = Field(ge=2, le=20)
    overrides: dict[str, Any]
    space: dict[str, Span | Choice] = Field(min_length=1)

    @model_validator(mode="after")
    def _once(self) -> Self:
        if both := sorted(self.overrides.keys() & self.space.keys()):
            raise ValueError(f"expected a key in overrides or in space, got both of {both}")
        return self

    def grid_size(self) -> int:
        """Trials of a full grid."""
        sizes = (
            len(one.values) if isinstance(one, Choice) else self.grid_points
            for one in self.space.values()
        )
        return math.prod(sizes)


def load_search(name: str, folder: Path = SWEEPS) -> SearchParams:
    """The sweep of this name, checked: params.yaml must allow all that it may try.

    Raises:
        InputError: if there is none, or for each fault in it, with its key.
    """
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = sorted(one.stem for one in folder.glob("*.yaml"))
        raise InputError(f"{path}: no such sweep, there are {known}")
    search: SearchParams = load_block(path, (), SearchParams)
    for key, one in search.space.items():
        for value in one.ends():
            words_of({**search.overrides, key: value}, name)
    return search


def words_of(values: dict[str, Any], name: str) -> list[str]:
    """What ``dvc exp run -S`` takes, one word a key.

    Args:
        values: of params.yaml, by dotted key.
        name: of the sweep.

    Raises:
        InputError: if params.yaml has a fault with them.
    """
    try:
        return overrides(Combined(values))
    except InputError as error:
        raise InputError(f"{SWEEPS / name}.yaml: {error}") from error


def value_of_params(key: str) -> Any:
    """The value that params.yaml has for a dotted key."""
    content = read_yaml(PARAMS)
    for part in key.split("."):
        content = content[part]
    return content
