"""The license of a model, derived from those of its data and base model.

This is a table of common licenses and of what their texts allow, not legal advice: whether a model
is a derived work of its training data is an open question, and the card says so. A license that the
table lacks counts as one that forbids.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

OTHER = "other"  # the hub's identifier for a license of one's own

# From SPDX to the hub's identifiers, by obligation: the work takes the last of those that it mixes.
_PERMISSIVE = {
    "CC0-1.0": "cc0-1.0", "Unlicense": "unlicense", "PDDL-1.0": "pddl", "MIT": "mit", "ISC": "isc",
    "BSD-2-Clause": "bsd-2-clause", "BSD-3-Clause": "bsd-3-clause",
    "CDLA-Permissive-1.0": "cdla-permissive-1.0", "CDLA-Permissive-2.0": "cdla-permissive-2.0",
    "ODC-By-1.0": "odc-by", "Apache-2.0": "apache-2.0", "CC-BY-2.0": "cc-by-2.0",
    "CC-BY-2.5": "cc-by-2.5", "CC-BY-3.0": "cc-by-3.0", "CC-BY-4.0": "cc-by-4.0",
}  # fmt: skip
_OBLIGATION = list(_PERMISSIVE)
_AGPL = {"AGPL-3.0-only", "AGPL-3.0-or-later"}
_GPL_3 = {"GPL-3.0-only", "GPL-3.0-or-later"}
_GPL_2 = {"GPL-2.0-only", "GPL-2.0-or-later"}
# Copyleft: the hub's identifier, and the licenses under which a larger work may be.
# https://www.gnu.org/licenses/gpl-faq.html#AllCompatibility; CC-BY-SA-4.0 into GPL-3.0-only:
# https://creativecommons.org/share-your-work/licensing-considerations/compatible-licenses/
_COPYLEFT: dict[str, tuple[str, set[str]]] = {
    "GPL-2.0-only": ("gpl-2.0", set()),
    "GPL-2.0-or-later": ("gpl-2.0", {"GPL-2.0-only"} | _GPL_3 | _AGPL),
    "GPL-3.0-only": ("gpl-3.0", set(_AGPL)),
    "GPL-3.0-or-later": ("gpl-3.0", {"GPL-3.0-only"} | _AGPL),
    "AGPL-3.0-only": ("agpl-3.0", set()),
    "AGPL-3.0-or-later": ("agpl-3.0", {"AGPL-3.0-only"}),
    "LGPL-2.1-only": ("lgpl-2.1", _GPL_2 | _GPL_3 | _AGPL),
    "LGPL-2.1-or-later": ("lgpl-2.1", {"LGPL-2.1-only"} | _GPL_2 | _GPL_3 | _AGPL),
    "LGPL-3.0-only": ("lgpl-3.0", _GPL_3 | _AGPL),
    "MPL-2.0": ("mpl-2.0", {"LGPL-2.1-or-later"} | _GPL_2 | _GPL_3 | _AGPL),
    "ODbL-1.0": ("odbl", set()),
    "CC-BY-SA-4.0": ("cc-by-sa-4.0", {"GPL-3.0-only"}),
}
_CC = re.compile(r"CC-BY(-NC)?(-SA|-ND)?-(\d\.\d)")
_HUB_CC = {
    "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0",
    "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0",
}  # fmt: skip
# A larger work may be under these, even if no part of it is: Apache-2.0 with GPL-2.0-or-later.
_UNITING = ("GPL-3.0-or-later", "GPL-3.0-only", "AGPL-3.0-only")


@dataclass(frozen=True)
class Derived:
    """The license of a work with parts under several licenses.

    Attributes:
        spdx: None if no license allows all of them together.
        hub: the hub's identifier, ``other`` if it has none.
        incompatible: pairs that no license allows together.
    """

    spdx: str | None
    hub: str
    incompatible: list[tuple[str, str]]


def derive(licenses: Iterable[str]) -> Derived:
    """The license that the parts' licenses allow for the whole.

    >>> derive(["MIT", "GPL-2.0-only"]).spdx
    'GPL-2.0-only'
    >>> derive(["CC-BY-SA-3.0", "GPL-2.0-only"]).incompatible
    [('CC-BY-SA-3.0', 'GPL-2.0-only')]
    """
    parts = sorted(set(licenses))
    allowed = _uniting(parts, parts)
    pairs = [pair for pair in combinations(parts, 2) if not _uniting(pair, parts)]
    # Of licenses that each allow the other, such as two of the public domain, the first will do.
    spdx = allowed[0] if allowed else None
    return Derived(spdx, hub_identifier(spdx) if spdx else OTHER, pairs)


def hub_identifier(spdx: str) -> str:
    """The hub's identifier of a license, ``other`` if it has none."""
    if spdx in _PERMISSIVE:
        return _PERMISSIVE[spdx]
    if spdx in _COPYLEFT:
        return _COPYLEFT[spdx][0]
    return spdx.lower() if spdx.lower() in _HUB_CC else OTHER


def why_private(spdx: str) -> list[str]:
    """Why a model made from parts under this license must not be published; empty if it may be.

    >>> why_private("CC-BY-NC-ND-4.0")
    ['non-commercial', 'no derivatives']
    """
    if spdx in _PERMISSIVE or spdx in _COPYLEFT:
        return []
    match = _CC.fullmatch(spdx)
    if match is None:
        return ["unknown license"]
    reasons = ["non-commercial"] if match[1] else []
    return [*reasons, *(["no derivatives"] if match[2] == "-ND" else [])]


def forbidding(corpora: Mapping[str, Iterable[str]]) -> dict[str, dict[str, list[str]]]:
    """By license that forbids to publish: the reasons, and the corpora or base models under it.

    Args:
        corpora: licenses by corpus or base model.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for name, licenses in sorted(corpora.items()):
        for spdx in sorted(set(licenses)):
            if reasons := why_private(spdx):
                found.setdefault(spdx, {"why": reasons, "of": []})["of"].append(name)
    return found


def _uniting(parts: Iterable[str], ours: list[str]) -> list[str]:
    """Licenses for a work of these parts: one of ``ours`` if possible."""
    for candidates in (ours, _UNITING):
        if found := [one for one in candidates if all(_goes_into(part, one) for part in parts)]:
            return found
    return []


def _goes_into(part: str, whole: str) -> bool:
    """Whether a work under ``whole`` may hold a part under ``part``."""
    if part == whole:
        return True
    cc = _CC.fullmatch(whole)
    if cc and cc[2] == "-ND":
        return False
    if part in _PERMISSIVE:
        return _permissive_goes_into(part, whole)
    if part in _COPYLEFT and whole in _COPYLEFT[part][1]:
        return True
    ours = _CC.fullmatch(part)
    if ours is None or cc is None or ours[2] == "-ND":
        return False
    if ours[2] == "-SA":  # later versions of the same license, since 2.0
        return (ours[1], ours[2]) == (cc[1], cc[2]) and "2.0" <= ours[3] < cc[3]
    return bool(cc[1]) or not ours[1]


def _permissive_goes_into(part: str, whole: str) -> bool:
    if whole in _PERMISSIVE:
        return _OBLIGATION.index(part) <= _OBLIGATION.index(whole)
    if part == "Apache-2.0":  # its patent clause: https://www.apache.org/licenses/GPL-compatibility
        return not whole.startswith(("GPL-2.0", "LGPL-2.1"))
    if part.startswith("CC-BY") and part != "CC-BY-4.0":
        return not whole.startswith(("GPL", "LGPL", "AGPL", "MPL"))
    return whole in _COPYLEFT or _CC.fullmatch(whole) is not None
