"""``data/audit/<corpus>.csv``: every utterance with its measures, and whether split gets it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from asr.core.csv_files import read_csv, write_csv
from asr.core.errors import InputError
from asr.utterances.utterance import Utterance


@dataclass(frozen=True)
class AuditRow:
    """One line. Numbers are rounded, so that the last bits of a sum don't change the file.

    Attributes:
        id: the utterance's.
        keep: ``yes``, or ``no`` if the utterance is dropped before split.
        fault: see ``asr.audit.faults.Fault``; empty if there is none.
        fit, wholeness, log_prob, cer, tail_gain, end_drop_db, no_speech_prob, text_language: see
            ``asr.audit.faults``; empty if there is none, as without the judge's results. All are
            empty if ``audit.sample`` left the utterance out.
        heard_language: the most likely language of the speech, by the judge.
        chars_per_s: speaking rate.
        duration_s: of the clip.
        text: the transcript.
        hypothesis: the judge's transcription.
    """

    id: str
    keep: str
    fault: str
    fit: float | None
    wholeness: float | None
    log_prob: float | None
    cer: float | None
    tail_gain: float | None
    end_drop_db: float | None
    no_speech_prob: float | None
    text_language: float | None
    heard_language: str
    chars_per_s: float
    duration_s: float
    text: str
    hypothesis: str

    @property
    def judged(self) -> bool:
        """Whether the row has the judge's results."""
        return self.log_prob is not None


_HEADER = [field.name for field in fields(AuditRow)]


def write_audit(path: Path, rows: Iterable[AuditRow]) -> None:
    """Write the CSV, worst first."""
    write_csv(path, _HEADER, map(astuple, worst_first(rows)))


def worst_first(rows: Iterable[AuditRow]) -> list[AuditRow]:
    """Rows with a fault first, then by fit, then by id; rows without the judge's results last."""
    return sorted(rows, key=lambda r: (not r.fault, not r.judged, r.fit or 0.0, r.id))


def read_audit(path: Path) -> list[dict[str, str]]:
    """Read the lines of a CSV, values as written.

    Raises:
        InputError: if the file has another header.
    """
    return list(read_csv(path, _HEADER))


class Suspect(Utterance):
    """An utterance with a fault; a line of ``data/manifests/suspects.jsonl``.

    Attributes:
        fault: see ``asr.audit.faults.Fault``.
        hypothesis: the judge's transcription.
        kept: whether split got it.
    """

    fault: str
    hypothesis: str
    kept: bool


def read_suspects(path: Path, utterances: Sequence[Utterance]) -> list[Suspect]:
    """The utterances with a fault, worst first."""
    by_id = {one.id: one for one in utterances}
    return [
        Suspect(
            **by_id[row["id"]].model_dump(),
            fault=row["fault"],
            hypothesis=row["hypothesis"],
            kept=row["keep"] == "yes",
        )
        for row in read_audit(path)
        if row["fault"]
    ]


def num_not_drawn(path: Path) -> int:
    """The number of utterances that ``audit.sample`` left out."""
    return sum(not row["end_drop_db"] for row in read_audit(path))


def kept_utterances(
    path: Path, utterances: Sequence[Utterance]
) -> tuple[list[Utterance], dict[str, int]]:
    """The utterances that split gets, in order, and how many the audit dropped by fault.

    Raises:
        InputError: if the CSV lists other utterances.
    """
    lines = {line["id"]: line for line in read_audit(path)}
    ids = {utterance.id for utterance in utterances}
    if strange := sorted(lines.keys() ^ ids):
        raise InputError(
            f"{path}: expected the {len(ids)} utterances that prepare wrote, got {len(lines)}; "
            f"the first that differs is {strange[0]!r}"
        )
    kept = [utterance for utterance in utterances if lines[utterance.id]["keep"] == "yes"]
    dropped = Counter(line["fault"] for line in lines.values() if line["keep"] != "yes")
    return kept, dict(sorted(dropped.items()))
