"""The inventory of a corpus: a CSV with a line for each recording, and a report that sums it up.

The report (``data/validation/<corpus>.json``) counts hours by reject reason, sample rates,
channels, clipping, silence, durations, and texts that are not in the letters of their language.
"""

import csv
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from asr.core.csv_files import write_csv
from asr.core.files import write_json
from asr.corpora.recording import Recording
from asr.preparation.rejects import Reject
from asr.preparation.screening import Failed, Outcome
from asr.text.letters import fits_language, languages_by_letters

COLUMNS = (
    "id",
    "original_filename",
    "size_bytes",
    "duration_s",
    "format",
    "sample_rate",
    "num_channels",
    "clipped_share",
    "silence_share",
    "transcript",  # none, whole or timed
    "language",
    "languages_by_letters",
    "speaker_id",
    "license",
    "source_url",
    "num_utterances",
    "rejected",  # the reasons
    "duplicate",  # yes or no
)
_FACTS = COLUMNS[3:9]
_EDGES_S = (0.3, 1, 2, 5, 10, 20, 30, 60, 120, 300, 900)  # between the histogram's bars
_CLIPPED_SHARE = 0.001  # of samples: from there on people hear the distortion


class Inventory:
    """A corpus's recordings as they are screened; on disk, since there may be a million."""

    def __init__(self, corpus: str, file: IO[str]) -> None:
        """Start an empty inventory.

        Args:
            corpus: its name.
            file: an empty temporary file, opened with ``newline=""``.
        """
        self._corpus = corpus
        self._file = file
        self._rows = csv.writer(file)
        self._counts: dict[str, Counter[Any]] = defaultdict(Counter)
        self._num_recordings = 0
        self._seconds: Counter[str] = Counter()

    def add(
        self, recording: Recording, outcomes: list[Outcome], language: str, license: str
    ) -> None:
        """Add a recording and its outcomes.

        Args:
            recording: as the source has it.
            outcomes: of ``screen``.
            language: of the recording.
            license: of the recording.
        """
        facts = next((outcome.facts for outcome in outcomes if outcome.facts), None)
        texts = [segment.text for segment in recording.segments] or [recording.text or ""]
        text = " ".join(texts).strip()
        transcript = ("timed" if recording.segments else "whole") if text else "none"
        by_letters = languages_by_letters(text)
        failed = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
        passed = [outcome.name for outcome in outcomes if not isinstance(outcome, Failed)]
        self._rows.writerow(
            [
                f"{self._corpus}/{recording.name}",
                recording.file,
                len(recording.audio),
                *((facts[key] for key in _FACTS) if facts else [""] * len(_FACTS)),  # type: ignore[literal-required]
                transcript,
                language,
                " ".join(by_letters),
                recording.speaker_id or "",
                license,
                recording.attributes.get("source_url", ""),
                "\n".join(passed),  # replaced by their number, once repeated ones are rejected
                " ".join(sorted({outcome.reason for outcome in failed})),
                "",
            ]
        )
        self._num_recordings += 1
        self._counts["transcript"][transcript] += 1
        if text:
            self._counts["letters"]["fit" if fits_language(language, by_letters) else "differ"] += 1
        if facts:
            self._count_facts(facts)

    def _count_facts(self, facts: Any) -> None:
        duration_s = facts["duration_s"]
        for key in ("format", "sample_rate", "num_channels"):
            self._counts[key][facts[key]] += 1
        self._counts["duration"][bisect_right(_EDGES_S, duration_s)] += 1
        self._counts["clipped"][facts["clipped_share"] >= _CLIPPED_SHARE] += 1
        self._seconds["all"] += duration_s
        self._seconds["clipped"] += duration_s * facts["clipped_share"]
        self._seconds["silent"] += duration_s * facts["silence_share"]

    def write(self, path: Path, kept: Iterable[str], repeated: Iterable[Reject]) -> None:
        """Write the CSV, in the order in which recordings came.

        Args:
            path: of the CSV.
            kept: the utterances' ids.
            repeated: utterances that were rejected since another has the same recording.
        """
        reason_of = {reject.id: reject.reason for reject in repeated}
        write_csv(path, COLUMNS, self._settled(set(kept), reason_of))

    def _settled(self, kept: set[str], reason_of: Mapping[str, str]) -> Iterator[list[Any]]:
        self._file.seek(0)
        for *known, names, rejected, _ in csv.reader(self._file):
            passed = [f"{self._corpus}/{name}" for name in names.split("\n") if name]
            reasons = {reason_of[one] for one in passed if one in reason_of}
            num_kept = sum(one in kept for one in passed)
            rejected = " ".join(sorted({*rejected.split(), *reasons}))
            yield [*known, num_kept, rejected, "yes" if reasons else "no"]

    def write_validation(
        self, path: Path, kept_s: Iterable[float], rejects: Iterable[Reject]
    ) -> None:
        """Write the report.

        Args:
            path: of the JSON.
            kept_s: the utterances' durations, in seconds.
            rejects: all of them.
        """
        rejected: dict[str, dict[str, float]] = {}
        for reject in sorted(rejects, key=lambda reject: reject.reason):
            of_reason = rejected.setdefault(reject.reason, {"num": 0, "hours": 0.0})
            of_reason["num"] += 1
            of_reason["hours"] += (reject.duration_s or 0.0) / 3600
        num_kept, seconds_kept = 0, 0.0
        for duration_s in kept_s:
            num_kept += 1
            seconds_kept += duration_s
        total_s = self._seconds["all"] or 1.0
        report = {
            "num_recordings": self._num_recordings,
            "hours": self._seconds["all"] / 3600,
            "kept": {"num": num_kept, "hours": seconds_kept / 3600},
            "rejected": rejected,
            "transcript": self._counts["transcript"],
            "format": self._counts["format"],
            "sample_rate": self._counts["sample_rate"],
            "num_channels": self._counts["num_channels"],
            "duration_s": {_bar(index): num for index, num in self._counts["duration"].items()},
            "clipped_share": self._seconds["clipped"] / total_s,
            "num_clipped": self._counts["clipped"][True],
            "silence_share": self._seconds["silent"] / total_s,
            "num_with_other_letters": self._counts["letters"]["differ"],
        }
        write_json(path, _plain(report))


def _bar(index: int) -> str:
    """Name of a histogram's bar, by the edges on both sides."""
    if index == 0:
        return f"below {_EDGES_S[0]}"
    if index == len(_EDGES_S):
        return f"from {_EDGES_S[-1]}"
    return f"{_EDGES_S[index - 1]} to {_EDGES_S[index]}"


def _plain(value: Any) -> Any:
    """For JSON: keys as text, since numbers can't be sorted with it; fractions at 6 digits."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return round(value, 6) if isinstance(value, float) else value
