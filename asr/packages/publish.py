"""Decide whether a package may be published, and lay out the files that are."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from asr.core.errors import InputError
from asr.core.files import read_json, write_json
from asr.packages.card import CARD, render_card
from asr.packages.checks import unmet
from asr.packages.manifest import MANIFEST, TUNED
from asr.packages.write import SUMS, checksums

INFO = "package_info.json"  # commit, environment, hardware, duration
PROOFS = Path("metrics/withdrawals")


@dataclass(frozen=True)
class State:
    """What is at a place.

    Attributes:
        is_public: whether everyone can read it; None if the place is new or does not say.
        has_version: whether this version was published there.
    """

    is_public: bool | None
    has_version: bool


class Place(Protocol):
    """Where a package can be published."""

    @property
    def name(self) -> str:
        """For messages, without secrets."""

    def state(self) -> State:
        """What is there.

        Raises:
            InputError: if it can't be read.
        """

    def upload(self, folder: Path, public: bool) -> str:
        """Upload the folder, or what is missing of it, and return where it is.

        Raises:
            InputError: if that fails; the same call again resumes.
        """


def obstacles(manifest: Mapping[str, Any], required: Sequence[str]) -> list[str]:
    """The checks of ``publish.require`` that do not pass, each as a line."""
    return unmet(manifest["checks"], required, "publish.require")


def forbidden(manifest: Mapping[str, Any], proofs: Path = PROOFS) -> list[str]:
    """Why data or base model forbid to publish this model where everyone can read it."""
    license = manifest["license"]
    found = [
        f"{spdx} ({', '.join(one['why'])}) of {', '.join(one['of'])}"
        for spdx, one in license["forbidding"].items()
    ]
    if license["is_derived"]:
        found += [f"{' and '.join(pair)} are incompatible" for pair in license["incompatible"]]
    return found + withdrawn(manifest, proofs)


def withdrawn(manifest: Mapping[str, Any], proofs: Path = PROOFS) -> list[str]:
    """The withdrawals of recordings that this model was, or may have been, trained on."""
    md5 = manifest["lock"][TUNED]
    return [
        f"recordings of {proof['corpus']} that were withdrawn at {proof['at']}, which the model "
        f"{'has' if model['saw'] else 'may have'} been trained on ({path})"
        for path in sorted(proofs.glob("*.json"))
        for proof in [read_json(path)]
        for model in proof["models"]
        if model["md5"] == md5
    ]


@contextmanager
def staged(folder: Path, notices: Sequence[str], info: Mapping[str, Any]) -> Iterator[Path]:
    """A temporary folder with links to the package's files, and a card and checksums of its own.

    The package itself is an out of DVC and stays as it is.
    """
    with tempfile.TemporaryDirectory() as temporary:
        stage = Path(temporary)
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.relative_to(folder) not in (Path(CARD), Path(SUMS)):
                link = stage / path.relative_to(folder)
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(path.resolve())
        card = render_card(read_json(folder / MANIFEST), notices)
        (stage / CARD).write_text(card, encoding="utf-8")
        write_json(stage / INFO, info)
        (stage / SUMS).write_text(checksums(stage), encoding="utf-8")
        yield stage


def notices_of(failed: Sequence[str], reason: str | None, withdrawals: Sequence[str]) -> list[str]:
    """Sentences for the top of the card.

    Args:
        failed: checks that stop publishing.
        reason: of ``--force``.
        withdrawals: see ``withdrawn``.
    """
    found = [f"Withdrawn: {one}." for one in withdrawals]
    if failed and reason:
        listed = "; ".join(failed)
        found.append(f"Published although required checks do not pass: {listed}. Reason: {reason}")
    return found


def sizes(folder: Path) -> list[tuple[str, int]]:
    """Files with their sizes in bytes, by path."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sorted((str(path.relative_to(folder)), path.stat().st_size) for path in files)


def publish(
    place: Place, folder: Path, public: bool, notices: Sequence[str], info: Mapping[str, Any]
) -> str:
    """Publish a package at a place that may hold it; returns where it is.

    Raises:
        InputError: if this version is there, the place is public and the data forbid that, or the
            upload fails.
    """
    manifest = read_json(folder / MANIFEST)
    state = place.state()
    if state.has_version:
        raise InputError(
            f"{place.name}: version {manifest['version']} of {manifest['name']} was published "
            "there already; set package.version in params.yaml to a new version"
        )
    if public and state.is_public is False:
        raise InputError(f"{place.name}: is private: leave out --public, or make it public there")
    if (public or state.is_public) and (why := forbidden(manifest)):
        raise InputError(
            f"{place.name} is public, and the package must not be: {'; '.join(why)}. Publish it "
            "where it is private, or train without these"
        )
    with staged(folder, notices, info) as stage:
        return place.upload(stage, public)
