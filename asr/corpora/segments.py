"""Group utterances that are stretches of one audio file into one recording with segments.

Prepare then decodes a file of an hour once, not once for each of its thousand utterances.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import replace

from asr.core.errors import InputError
from asr.corpora.paths import AudioFiles, stem
from asr.corpora.recording import Recording
from asr.corpora.timed_text import joined_text


def group_by_file(found: Iterable[Recording], audio: AudioFiles) -> Iterator[Recording]:
    """Yield recordings with their audio, in the order of their first utterances.

    Segments of one file form one recording if speaker, session, language, license, channel and
    split are equal. Its name is the file's, with ``~2``, ``~3`` … for further recordings of the
    file; its attributes are those that all segments share. A recording without segments stays
    unchanged. An utterance without text becomes a recording without, so that rejects list it.

    Args:
        found: recordings without audio, each with at most one segment.
        audio: the corpus's audio files.

    Raises:
        InputError: if a file is used both whole and in segments.
    """
    groups: dict[Hashable, list[Recording]] = defaultdict(list)
    files_with_segments = set()
    for one in found:
        if one.segments and not one.segments[0].text.strip():
            one = replace(one, segments=(), text=None)
        if one.segments:
            files_with_segments.add(one.file)
        own = None if one.segments else one.name
        traits = (one.speaker_id, one.session_id, one.language, one.license, one.fault, one.channel)
        groups[(one.file, *traits, one.attributes.get("split"), own)].append(one)
    names: Counter[str] = Counter()
    taken = {one.name for group in groups.values() for one in group if not one.segments}
    for group in groups.values():
        first = group[0]
        # Without a transcript it is rejected, so it need not be decoded once more.
        is_useless = first.text is None and first.file in files_with_segments
        sound = b"" if first.fault or is_useless else audio[first.file]
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
    """Merge recordings of one segment each; sort the segments by start time."""
    segments = sorted(
        (segment for one in group for segment in one.segments), key=lambda one: one.start_s
    )
    shared = dict(group[0].attributes)
    for one in group:
        shared = {k: v for k, v in shared.items() if one.attributes.get(k) == v}
    text = joined_text(segments) or None
    return replace(group[0], text=text, segments=tuple(segments), attributes=shared)
