"""Utterances that are stretches of one file, brought together to the recordings they are cut from.

A file of an hour is then decoded once rather than once for each of its thousand utterances.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import replace

from asr.core.errors import InputError
from asr.corpora.paths import AudioFiles, stem
from asr.corpora.recording import Recording
from asr.corpora.timed_text import whole_text


def brought_together(found: Iterable[Recording], audio: AudioFiles) -> Iterator[Recording]:
    """Recordings with their audio, in the order in which each is first met.

    What has no segment stays as it is. Segments of one file come together if they have the speaker,
    session, language, license and split in common. Such a recording is named by its file, with
    ``~2``, ``~3`` … for a second and third speaker in it, and keeps the attributes that all share.

    Args:
        found: with one segment or none each, and without audio.
        audio: where it is found.
    """
    groups: dict[Hashable, list[Recording]] = defaultdict(list)
    for one in found:
        own = None if one.segments else one.name
        traits = (one.speaker_id, one.session_id, one.language, one.license, one.fault)
        groups[(one.file, *traits, one.attributes.get("split"), own)].append(one)
    names: Counter[str] = Counter()
    taken = {one.name for group in groups.values() for one in group if not one.segments}
    for group in groups.values():
        first = group[0]
        sound = b"" if first.fault else audio[first.file]
        if not first.segments:
            yield replace(first, audio=sound)
            continue
        name = stem(first.file)
        names[name] += 1
        name = name if names[name] == 1 else f"{name}~{names[name]}"
        if name in taken:
            raise InputError(f"{first.file}: expected either segments of it or the whole, got both")
        taken.add(name)
        yield replace(_joined(group), name=name, audio=sound)


def _joined(group: list[Recording]) -> Recording:
    """One recording of several segments: all of them in the order of time."""
    segments = sorted(
        (segment for one in group for segment in one.segments), key=lambda one: one.start_s
    )
    shared = dict(group[0].attributes)
    for one in group:
        shared = {k: v for k, v in shared.items() if one.attributes.get(k) == v}
    text = whole_text(segments) or None
    return replace(group[0], text=text, segments=tuple(segments), attributes=shared)
