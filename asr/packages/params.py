"""Sections ``package`` and ``publish`` of ``params.yaml``."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from asr.core.schema import Schema

# The name and version are a folder, a Git tag of GTO and an object's name on S3.
PackageName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}[a-z0-9]$")]
Version = Annotated[
    str, StringConstraints(pattern=r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9a-z]+)?$")
]
Repo = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][\w.-]*(/[\w.-]+)?$")]
Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
License = Annotated[str, StringConstraints(min_length=1)]


class PretrainedParams(Schema):
    """What a block of ``conf/models.yaml`` was made from.

    Attributes:
        repos: names on the Hugging Face hub, for the card's ``base_model``; empty if it has none.
        licenses: SPDX identifiers.
    """

    repos: list[Repo]
    licenses: list[License] = Field(min_length=1)


class BenchmarkParams(Schema):
    """A benchmark of the hub that a test set of ours is.

    Attributes:
        dataset: the benchmark's data set on the hub.
        task: its task there.
        view: of the score, in ``metrics/test_sets/<name>/tuned.json``.
    """

    dataset: Annotated[str, StringConstraints(pattern=r"^[\w.-]+/[\w.-]+$")]
    task: str = Field(min_length=1)
    view: Literal["profile", "open_asr", "raw", "diacritic_blind", "script_blind"]


class PackageParams(Schema):
    """Section ``package``."""

    name: PackageName
    version: Version
    description: str
    formats: list[Key] = Field(min_length=1)
    require: list[Key]
    max_faulty_labels: float = Field(ge=0, le=1)
    license: str
    bases: dict[Key, dict[Key, PretrainedParams]]
    benchmarks: dict[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")],
                     BenchmarkParams]  # fmt: skip


class PublishParams(Schema):
    """Section ``publish``."""

    require: list[Key]
