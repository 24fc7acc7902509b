"""Read annotations on tiers: Praat's TextGrid, ELAN's .eaf, Audacity's label tracks.

praatio and pympi-ling read a file whole or not at all, from a path. Here a faulty interval costs
that interval, and Praat's long and short forms are one: only strings and numbers that stand alone
count, as Praat's manual says (TextGrid file formats).
"""

import math
import re
from collections.abc import Iterator
from xml.etree import ElementTree

from asr.core.errors import InputError
from asr.corpora.recording import Segment
from asr.corpora.subtitles import Segments, split_lines

_TOKEN = re.compile(r'"((?:[^"]|"")*)"|(?<!\S)([-+]?\d[\d.eE+-]*)(?!\S)|!.*|<exists>')
_TIERS = ("IntervalTier", "TextTier")
_LABEL = re.compile(r"(\d+[.,]\d+)\t(\d+[.,]\d+)(?:\t(.*))?")


def read_textgrid(text: str, place: str, tier: str | None) -> Segments:
    """Return the intervals of a tier of a TextGrid, long or short.

    Args:
        text: of the file.
        place: the file's name, for messages.
        tier: its name; None for the only one that has words.

    Raises:
        InputError: if it is no TextGrid or has no such tier; names the tiers.
    """
    if '"TextGrid"' not in text[:200]:
        raise InputError(f"{place}: expected a Praat TextGrid as text, got {text[:40]!r}")
    tiers: dict[str, list[Segment]] = {}
    current: list[Segment] = []
    numbers: list[float] = []
    awaits_name = False
    header = 3  # a tier's beginning, end and size stand before its first interval
    for match in _TOKEN.finditer(text):
        if match[2] is not None:
            numbers.append(_number(match[2]))
        elif match[1] is not None:
            words = match[1].replace('""', '"')
            if awaits_name:
                current, header, awaits_name = tiers.setdefault(words, []), 3, False
                numbers = []
            elif words in _TIERS and (not tiers or len(numbers) in (0, 3)):
                awaits_name = True
            elif tiers:
                times, header = numbers[header:], 0
                current.append(_segment(times, words, f"{place}: interval {len(current) + 1}"))
            numbers = []
    return _chosen({name: tuple(found) for name, found in tiers.items()}, tier, place)


def read_eaf(content: bytes, place: str, tier: str | None) -> Segments:
    """Return the annotations of a tier of an ELAN file; for the arguments see ``read_textgrid``.

    An annotation that refers to another one has its times; those of one annotation are joined.
    """
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise InputError(f"{place}: expected an ELAN file, got one that declares entities")
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise InputError(f"{place}: expected an ELAN file: {error}") from error
    slots = {one.get("TIME_SLOT_ID"): one.get("TIME_VALUE") for one in root.iter("TIME_SLOT")}
    times: dict[str | None, list[float]] = {}
    parents: dict[str | None, str | None] = {}
    for one in root.iter("ALIGNABLE_ANNOTATION"):
        values = [slots.get(one.get(key)) for key in ("TIME_SLOT_REF1", "TIME_SLOT_REF2")]
        times[one.get("ANNOTATION_ID")] = [_number(v) / 1000 for v in values if v is not None]
    for one in root.iter("REF_ANNOTATION"):
        parents[one.get("ANNOTATION_ID")] = one.get("ANNOTATION_REF")
    tiers: dict[str, Segments] = {}
    for one in root.iter("TIER"):
        name = one.get("TIER_ID", "")
        tiers[name] = tuple(_annotations(one, times, parents, f"{place}: {name}"))
    return _chosen(tiers, tier, place)


def _annotations(
    tier: ElementTree.Element,
    times: dict[str | None, list[float]],
    parents: dict[str | None, str | None],
    place: str,
) -> Iterator[Segment]:
    words: dict[str | None, list[str]] = {}
    for one in tier.iter():
        if one.tag in ("ALIGNABLE_ANNOTATION", "REF_ANNOTATION"):
            root = one.get("ANNOTATION_ID")
            seen = set()
            while root in parents and root not in seen:  # a circle of references ends too
                seen.add(root)
                root = parents[root]
            words.setdefault(root, []).append((one.findtext("ANNOTATION_VALUE") or "").strip())
    for root, parts in words.items():
        said = " ".join(filter(None, parts))
        yield _segment(times.get(root, []), said, f"{place}: annotation {root}")


def is_label_track(text: str) -> bool:
    """Whether a text is a label track of Audacity: its first line has two times and tabs."""
    return bool(_LABEL.fullmatch(text.lstrip().partition("\n")[0].rstrip("\r")))


def read_labels(text: str, place: str) -> Segments:
    """Return the labels of an Audacity label track; a label at one point has a ``fault``."""
    segments = []
    for number, line in enumerate(split_lines(text), start=1):
        if not line.strip() or line.startswith("\\"):  # a range of frequencies
            continue
        if match := _LABEL.fullmatch(line):
            times = [_number(match[1].replace(",", ".")), _number(match[2].replace(",", "."))]
            segments.append(_segment(times, match[3] or "", f"{place}:{number}"))
        else:
            fault = f"{place}:{number}: expected start, end and label, got {line!r:.80}"
            segments.append(Segment(0.0, 0.0, line.strip(), fault=fault))
    return tuple(segments)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _segment(times: list[float], words: str, place: str) -> Segment:
    words = " ".join(words.split())
    if not words:
        return Segment(0.0, None, "")  # nobody speaks
    if len(times) != 2:
        return Segment(0.0, 0.0, words, fault=f"{place}: expected two times, got {times}")
    start_s, end_s = times
    if not 0 <= start_s < end_s < math.inf:
        fault = f"{place}: expected an end after {start_s} s, got {end_s} s"
        return Segment(0.0, 0.0, words, fault=fault)
    return Segment(start_s, end_s, words)


def _chosen(tiers: dict[str, Segments], tier: str | None, place: str) -> Segments:
    if tier is not None:
        if tier not in tiers:
            raise InputError(f"{place}: expected a tier {tier!r}, got {list(tiers)!r:.300}")
        return tiers[tier]
    spoken = [name for name, found in tiers.items() if any(one.text for one in found)]
    if len(spoken) > 1:
        raise InputError(
            f"{place}: expected one tier with words, got {spoken!r:.300}; choose one in "
            f"params.yaml: corpora.<name>.columns: {{tier: {spoken[0]}}}"
        )
    return tiers[spoken[0]] if spoken else ()
