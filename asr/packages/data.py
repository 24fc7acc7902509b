"""What a model saw: utterances, hours, licenses and sources of each split."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from asr.core.files import sha256_of
from asr.utterances.utterance import Utterance, read_manifest

SEEN = ("train", "dev", "replay")  # dev chooses the weights
# <repo>@<commit>, or <repo>/<configuration>@<commit>
_HUB = re.compile(r"([\w.-]+(?:/[\w.-]+)?)(?:/[\w.-]+)?@[0-9a-f]{40}(?=[:/]|$)")
_URL = re.compile(r"\w+://[^/]+/?[^:]*")  # up to the colon before the file


def read_splits(manifests: Mapping[str, Path]) -> dict[str, list[Utterance]]:
    """The utterances by split; ``manifests`` are paths by split."""
    return {split: read_manifest(path) for split, path in manifests.items()}


def describe_split(path: Path, utterances: Sequence[Utterance]) -> dict[str, Any]:
    """The hash of a split's manifest, and its utterances and hours by corpus and language."""
    return {
        "manifest_sha256": sha256_of(path),
        "num_utterances": len(utterances),
        "hours": _hours(utterances),
        "corpora": _counts(utterances, "corpus"),
        "languages": _counts(utterances, "language"),
    }


def describe_corpora(splits: Mapping[str, Sequence[Utterance]]) -> dict[str, dict[str, Any]]:
    """By corpus that the model saw: languages, licenses, sources, utterances and hours."""
    by_corpus: dict[str, list[Utterance]] = defaultdict(list)
    for split in SEEN:
        for one in splits[split]:
            by_corpus[one.corpus].append(one)
    return {
        name: {
            "languages": sorted({one.language for one in members}),
            "licenses": sorted({one.license for one in members}),
            "sources": sorted({source_of(one.source) for one in members}),
            "num_utterances": len(members),
            "hours": _hours(members),
            "num_speakers": len({one.speaker_id for one in members} - {None}),
        }
        for name, members in sorted(by_corpus.items())
    }


def source_of(source: str) -> str:
    """The origin of a recording, without its file and without folders of this machine.

    >>> source_of("tuxpaint-stamps-default=2022.06.04-1:usr/share/a.ogg")
    'tuxpaint-stamps-default=2022.06.04-1'
    >>> source_of("/home/me/my speech:clips/a.wav")
    'my speech'
    """
    if match := _HUB.match(source):
        return match[0]
    if match := _URL.match(source):
        return match[0]
    origin = source.partition(":")[0]
    if origin.startswith(("/", "~", ".")):
        return PurePosixPath(origin).name
    return origin


def hub_datasets(corpora: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The names of those corpora's data sets on the hub that come from there."""
    sources = (source for one in corpora.values() for source in one["sources"])
    return sorted({match[1] for source in sources if (match := _HUB.match(source))})


def _hours(utterances: Sequence[Utterance]) -> float:
    return round(sum(one.duration_s for one in utterances) / 3600, 4)


def _counts(utterances: Sequence[Utterance], field: str) -> dict[str, int]:
    values = [getattr(one, field) for one in utterances]
    return {value: values.count(value) for value in sorted(set(values))}
