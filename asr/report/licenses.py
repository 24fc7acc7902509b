"""Write a Markdown table of the data's licenses: utterances by corpus, license and source."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import takewhile
from urllib.parse import urlsplit

from asr.utterances.utterance import Utterance

CONSENT = "consent"  # the attribute with the speaker's consent, if the source has one
UNKNOWN = "not said"
_HEADER = ("corpus", "license", "source", "utterances", "hours", "speakers", "consent of speakers")
_INTRO = """\
# Licenses of the data

Written by the stage `licenses` from the manifests, so it holds what models learn from, are scored
on and are guarded with, no more. Don't edit it: `dvc repro licenses`.
"""


def licenses_page(utterances: Iterable[Utterance]) -> str:
    """The Markdown page: a row for each corpus, license and source."""
    by_corpus: dict[str, list[Utterance]] = defaultdict(list)
    for utterance in utterances:
        by_corpus[utterance.corpus].append(utterance)
    groups: dict[tuple[str, str, str], list[Utterance]] = defaultdict(list)
    for corpus, members in by_corpus.items():
        origin = _origin(members)
        for one in members:
            groups[corpus, one.license, _source(one, origin)].append(one)
    rows = [_HEADER, tuple("---" for _ in _HEADER)]
    rows += [(*key, *_sums(groups[key])) for key in sorted(groups)]
    return "\n".join([_INTRO, *(f"| {' | '.join(map(_cell, row))} |" for row in rows), ""])


def _origin(utterances: list[Utterance]) -> str:
    """Find the origin in sources ``<origin>:<file>``, both of which may hold colons."""
    sources = [one.source for one in utterances]
    pairs = zip(min(sources), max(sources), strict=False)  # their common prefix is that of all
    shared = "".join(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return shared.rpartition(":")[0]


def _source(utterance: Utterance, origin: str) -> str:
    """The origin and, if the recording has a ``source_url``, its host."""
    host = urlsplit(utterance.attributes.get("source_url", "")).hostname
    return f"{origin}, from {host}" if host else origin


def _sums(utterances: list[Utterance]) -> tuple[str, ...]:
    hours = sum(one.duration_s for one in utterances) / 3600
    speakers = {one.speaker_id for one in utterances}
    known = str(len(speakers - {None}))
    consent = Counter(one.attributes.get(CONSENT, UNKNOWN) for one in utterances)
    return (
        str(len(utterances)),
        f"{hours:.2f}",
        known if None not in speakers else UNKNOWN if speakers == {None} else f"{known}, or more",
        UNKNOWN if set(consent) == {UNKNOWN} else _counts(consent),
    )


def _counts(consent: Counter[str]) -> str:
    return ", ".join(f"{value}: {consent[value]}" for value in sorted(consent))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
