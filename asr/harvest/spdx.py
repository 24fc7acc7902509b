"""Map license statements of web sites to SPDX identifiers."""

import re
from collections.abc import Mapping

_CC = re.compile(
    r"(?:https?:)?//(?:www\.)?creativecommons\.org/licenses/([a-z-]+)/(\d\.\d)(?:/|$)", re.I
)
_ZERO = re.compile(r"(?:https?:)?//(?:www\.)?creativecommons\.org/publicdomain/zero/1\.0", re.I)
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*-\d+(\.\d+)*(-[A-Za-z-]+)?")
# YouTube's name of CC-BY 3.0: https://support.google.com/youtube/answer/2797468
_WORDED = {"creative commons attribution license (reuse allowed)": "CC-BY-3.0"}

_LINKS = re.compile(r"<(?:a|link|atom:link)\b[^>]*>", re.I)
_REL = re.compile(r"""\brel\s*=\s*["']?[^"'>]*\blicense\b""", re.I)
_ADDRESS = re.compile(r"""\b(?:href|url)\s*=\s*["']?([^"'\s>]+)""", re.I)
_TAGS = re.compile(r"<(?:\w+:)?license\b([^>]*)>([^<]*)<", re.I)


def spdx_of(stated: str, read_as: Mapping[str, str]) -> str | None:
    """Return the SPDX identifier of a stated license, None if it is unknown.

    A statement without a version is unknown: "Creative Commons Attribution" names six licenses.

    Args:
        stated: a URL, an SPDX identifier or a site's words.
        read_as: additional identifiers, by a site's words.

    >>> spdx_of("http://creativecommons.org/licenses/by-sa/4.0/deed.be", {})
    'CC-BY-SA-4.0'
    >>> spdx_of("All rights reserved", {}) is None
    True
    """
    words = stated.strip()
    if words in read_as:
        return read_as[words]
    if match := _CC.match(words):
        return f"CC-{match[1].upper()}-{match[2]}"
    if _ZERO.match(words):
        return "CC0-1.0"
    if _IDENTIFIER.fullmatch(words):
        return words
    return _WORDED.get(words.lower())


def stated_licenses(page: str) -> list[str]:
    """Find the licenses in a web page or feed: ``rel="license"`` links and ``<license>`` tags."""
    links = [link[0] for link in _LINKS.finditer(page) if _REL.search(link[0])]
    found = [match[1] for link in links if (match := _ADDRESS.search(link))]
    for tag in _TAGS.finditer(page):
        address = _ADDRESS.search(tag[1])
        found.append(address[1] if address else tag[2].strip())
    return sorted({one for one in found if one})
