"""The clips of a run that does not exist yet: manifests, metrics, or only hours."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

from asr.core.errors import InputError
from asr.core.files import read_json
from asr.text.letters import ALPHABETS
from asr.training.replay import ReplayParams, to_replay
from asr.utterances.utterance import Utterance, read_manifest

MANIFESTS, METRICS = Path("data/manifests"), Path("metrics/data.json")
MOST = 20_000  # clips to plan with; of more, each stands for several
SPREAD = 0.5  # of the logarithm of assumed durations, as that of read sentences
MEAN_S = 5.0  # of the clips of ``hours``
MIN_S = 0.3
DEV_SHARE = 0.08


@dataclass(frozen=True)
class PlannedClips:
    """What a run trains on.

    Attributes:
        train: clips to plan with, those of replay corpora last.
        num_replay: how many those are.
        dev: clips that choose the weights.
        share: clips of the run for each of ``train``, 1 for corpora of up to ``MOST`` clips.
        seconds: of all clips of the run.
        all_seconds: of train, dev and test.
        source: where this comes from, for the page.
    """

    train: list[Utterance]
    num_replay: int
    dev: list[Utterance]
    share: float
    seconds: float
    all_seconds: float
    source: str


def planned_clips(
    replay: ReplayParams, chars_per_s: float, longest_s: float, hours: float | None = None
) -> PlannedClips:
    """The clips of the manifests; without them, as many as ``metrics/data.json`` counts.

    Args:
        replay: ``train.replay``.
        chars_per_s: letters a second of assumed transcripts.
        longest_s: of assumed clips.
        hours: of a corpus that is not there yet, in place of both.

    Raises:
        InputError: if there are neither manifests nor metrics.
    """
    if hours is not None:
        count = max(2, round(3600 * hours / MEAN_S))
        counts = {
            name: (max(1, round(share * count)), 3600 * share * hours, "en")
            for name, share in (("train", 1.0), ("dev", DEV_SHARE))
        }
        return _assumed(counts, chars_per_s, longest_s, f"{hours:g} hours, assumed")
    if (MANIFESTS / "train.jsonl").is_file():
        return _from_manifests(replay)
    if not METRICS.is_file():
        raise InputError(
            f"{METRICS}: no such file, and no {MANIFESTS / 'train.jsonl'}: run `dvc repro split` "
            "first, or give --hours"
        )
    if replay.share:
        raise InputError(
            f"train.replay.share: expected 0 without {MANIFESTS}, got {replay.share:g}: "
            f"{METRICS} does not count clips to replay"
        )
    counts = {name: _counts(name) for name in ("train", "dev", "test")}
    return _assumed(counts, chars_per_s, longest_s, f"`{METRICS}`, lengths and texts assumed")


def _from_manifests(replay: ReplayParams) -> PlannedClips:
    train = read_manifest(MANIFESTS / "train.jsonl")
    others = to_replay(MANIFESTS / "replay.jsonl", replay)
    dev = read_manifest(MANIFESTS / "dev.jsonl")
    seconds = sum(one.duration_s for one in train)
    all_seconds = seconds + sum(one.duration_s for one in (*others, *dev))
    if (test := MANIFESTS / "test.jsonl").is_file():
        all_seconds += sum(one.duration_s for one in read_manifest(test))
    step = math.ceil(len(train) / MOST)
    chosen = train[::step]
    return PlannedClips(
        [*chosen, *others[::step]], len(others[::step]), dev, len(train) / len(chosen), seconds,
        all_seconds, f"`{MANIFESTS}`",
    )  # fmt: skip


def _counts(split: str) -> tuple[int, float, str]:
    """Clips, seconds and commonest language of a split in ``metrics/data.json``."""
    content: Any = read_json(METRICS)
    try:
        found = content["splits"][split]
        languages = found["num_utterances_by"]["language"]
        return found["num_utterances"], found["seconds"], max(languages, key=languages.get)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{METRICS}: splits.{split}: expected num_utterances, seconds and "
            f"num_utterances_by.language, got {error!r}"
        ) from error


def _assumed(
    counts: dict[str, tuple[int, float, str]], chars_per_s: float, longest_s: float, source: str
) -> PlannedClips:
    made = {
        name: list(_clips(name, *values, chars_per_s, longest_s)) for name, values in counts.items()
    }
    count, seconds, _ = counts["train"]
    return PlannedClips(
        made["train"], 0, made["dev"], count / len(made["train"]), seconds,
        sum(values[1] for values in counts.values()), source,
    )  # fmt: skip


def _clips(
    split: str, count: int, seconds: float, language: str, chars_per_s: float, longest_s: float
) -> Iterator[Utterance]:
    """Clips at equal steps through a log-normal spread of durations."""
    num_made = min(count, MOST)
    normal = NormalDist(0, SPREAD)
    relative = [math.exp(normal.inv_cdf((n + 0.5) / num_made)) for n in range(num_made)]
    mean_s = seconds / count / (sum(relative) / num_made)
    letters = ALPHABETS.get(language, ALPHABETS["en"])
    for number, one in enumerate(relative):
        duration_s = min(longest_s, max(MIN_S, mean_s * one))
        yield Utterance(
            id=f"{split}/{number}", corpus=split, language=language, duration_s=duration_s,
            text=_text(number, max(1, round(chars_per_s * duration_s)), letters),
            speaker_id=None, session_id=None, license="none", source="assumed", sha256="0" * 64,
            attributes={}, shard="none", row=0,
        )  # fmt: skip


def _text(start: int, length: int, letters: str) -> str:
    """Words of five letters."""
    return "".join(
        " " if n % 6 == 5 else letters[(start + 7 * n) % len(letters)] for n in range(length)
    ).strip()
