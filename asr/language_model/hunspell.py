"""All forms of a hunspell dictionary: its stems with the affixes that it allows them.

Debian has a dictionary for most languages that are written with spaces. With the 78 238 stems of
hunspell-bg 7.5.0 this gives the 867 136 words of Debian's wbulgarian, no more and no fewer.
Compounds are not formed: their number has no bound.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from asr.core.errors import InputError

_NO_WORDS = ("ONLYINCOMPOUND", "FORBIDDENWORD")  # entries with these flags are no words
_NO_STEMS = ("NEEDAFFIX", "PSEUDOROOT")  # entries that are words only with an affix


@dataclass(frozen=True)
class _Rule:
    strip: str
    add: str
    fits: re.Pattern[str] | None
    flags: frozenset[str]  # of further suffixes

    def suffixed(self, word: str) -> str | None:
        if not word.endswith(self.strip) or (self.fits and not self.fits.search(word)):
            return None
        return word[: len(word) - len(self.strip)] + self.add

    def prefixed(self, word: str) -> str | None:
        if not word.startswith(self.strip) or (self.fits and not self.fits.match(word)):
            return None
        return self.add + word[len(self.strip) :]


@dataclass
class _Affixes:
    """The rules of an ``.aff`` file by flag, and how the flags of a word are written."""

    kind: str = "short"
    aliases: list[str] = field(default_factory=list)
    special: dict[str, str] = field(default_factory=dict)
    prefixes: dict[str, list[_Rule]] = field(default_factory=dict)
    suffixes: dict[str, list[_Rule]] = field(default_factory=dict)
    crossing: set[str] = field(default_factory=set)  # flags that go with one at the other end

    def flags(self, written: str) -> frozenset[str]:
        if self.aliases and written.isdigit() and int(written) <= len(self.aliases):
            written = self.aliases[int(written) - 1]
        if self.kind == "long":
            return frozenset(written[at : at + 2] for at in range(0, len(written), 2))
        return frozenset(written.split(",") if self.kind == "num" else written)


def forms(aff: bytes, dic: bytes, name: str) -> Iterator[str]:
    """Yield every form of every stem, in the order of the dictionary; some come twice.

    Args:
        aff: content of the ``.aff`` file.
        dic: content of the ``.dic`` file.
        name: of the dictionary, for error messages.

    Raises:
        InputError: if a file is not in the encoding that the ``.aff`` file names.
    """
    found = re.search(rb"^(?:\xef\xbb\xbf)?SET\s+(\S+)", aff, re.MULTILINE)
    encoding = found[1].decode("ascii", "replace") if found else "iso-8859-1"
    encoding = encoding.lower().replace("microsoft-", "")
    try:
        affixes = _read_affixes(aff.decode(encoding))
        lines = dic.decode(encoding).splitlines()[1:]  # the first is their number
    except (UnicodeDecodeError, LookupError) as error:
        raise InputError(f"{name}: expected text in {encoding}, as SET says: {error}") from error
    no_words, no_stems = (
        frozenset(affixes.special[key] for key in keys if key in affixes.special)
        for keys in (_NO_WORDS, _NO_STEMS)
    )
    for line in lines:
        entry = line.split("\t")[0].strip()
        stem, _, written = re.sub(r"\s+\w\w:.*", "", entry).partition("/")
        flags = affixes.flags(written.strip())
        if stem and not flags & no_words:
            if not flags & no_stems:
                yield stem
            yield from _affixed(stem, flags, affixes)


def _affixed(stem: str, flags: frozenset[str], affixes: _Affixes) -> Iterator[str]:
    yield from _prefixed(stem, flags, affixes)
    for flag in sorted(flags & affixes.suffixes.keys()):
        for rule in affixes.suffixes[flag]:
            form = rule.suffixed(stem)
            if form is None:
                continue
            yield form
            if flag in affixes.crossing:
                yield from _prefixed(form, flags & affixes.crossing, affixes)
            for further in sorted(rule.flags & affixes.suffixes.keys()):
                twice = (second.suffixed(form) for second in affixes.suffixes[further])
                yield from (longer for longer in twice if longer is not None)


def _prefixed(word: str, flags: frozenset[str], affixes: _Affixes) -> Iterator[str]:
    for flag in sorted(flags & affixes.prefixes.keys()):
        longer = (rule.prefixed(word) for rule in affixes.prefixes[flag])
        yield from (form for form in longer if form is not None)


def _read_affixes(text: str) -> _Affixes:
    lines = [line.split() for line in text.splitlines()]
    affixes = _Affixes()
    for parts in lines:
        if len(parts) < 2:
            continue
        if parts[0] == "FLAG":
            affixes.kind = parts[1].lower()
        elif parts[0] == "AF":
            affixes.aliases.append(parts[1])
        elif parts[0] in (*_NO_WORDS, *_NO_STEMS):
            affixes.special[parts[0]] = parts[1]
    affixes.aliases = affixes.aliases[1:]  # the first is their number
    for parts in lines:
        if len(parts) >= 4 and parts[0] in ("PFX", "SFX"):
            _add_rule(affixes, parts)
    return affixes


def _add_rule(affixes: _Affixes, parts: list[str]) -> None:
    """Read ``SFX A Y 2``, which opens a flag, or ``SFX A strip add/flags condition``."""
    table = affixes.prefixes if parts[0] == "PFX" else affixes.suffixes
    flag = parts[1]
    if flag not in table:
        table[flag] = []
        if parts[2] == "Y":
            affixes.crossing.add(flag)
        return
    add, _, further = parts[3].partition("/")
    condition = parts[4] if len(parts) > 4 else "."
    fits = None
    if condition != ".":
        fits = re.compile(condition if parts[0] == "PFX" else f"(?:{condition})$")
    strip, add = ("" if part == "0" else part for part in (parts[2], add))
    table[flag].append(_Rule(strip, add, fits, affixes.flags(further) if further else frozenset()))
