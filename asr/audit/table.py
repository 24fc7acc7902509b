"""``data/audit/<corpus>.csv``: every utterance with its measures, its fault, and its fate."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from asr.core.csv_files import read_csv, write_csv
from asr.core.errors import InputError
from asr.utterances.utterance import Utterance


@dataclass(frozen=True)
class AuditRow:
    """One line; numbers are rounded, so that the last bits of a sum don't show.

    Attributes:
        id: the utterance's.
        keep: ``yes``, or ``no`` for what split shall not see.
        fault: see ``asr.audit.faults.Fault``; empty for a sound one.
        fit, wholeness, log_prob, cer, tail_gain, end_drop_db, no_speech_prob, text_language: see
            ``asr.audit.faults``; empty where there is none, as of what the judge can't judge.
        heard_language: the likeliest of the speech.
        chars_per_s: speaking rate.
        duration_s: of the clip.
        text: the transcript.
        hypothesis: what the judge heard.
    """

    id: str
    keep: str
    fault: str
    fit: float | None
    wholeness: float | None
    log_prob: float | None
    cer: float | None
    tail_gain: float | None
    end_drop_db: float
    no_speech_prob: float | None
    text_language: float | None
    heard_language: str
    chars_per_s: float
    duration_s: float
    text: str
    hypothesis: str


_HEADER = [field.name for field in fields(AuditRow)]


def write_audit(path: Path, rows: Iterable[AuditRow]) -> None:
    """Write the CSV, the worst first: those with a fault, by how little they fit."""
    write_csv(path, _HEADER, map(astuple, worst_first(rows)))


def worst_first(rows: Iterable[AuditRow]) -> list[AuditRow]:
    """Rows with a fault first, then by fit, then by id."""
    return sorted(rows, key=lambda r: (not r.fault, 0.0 if r.fit is None else r.fit, r.id))


def read_audit(path: Path) -> list[dict[str, str]]:
    """The lines of a CSV, values as written.

    Raises:
        InputError: if the file has another header.
    """
    return list(read_csv(path, _HEADER))


class Suspect(Utterance):
    """An utterance that the audit doubts; a line of ``data/manifests/suspects.jsonl``.

    Attributes:
        fault: see ``asr.audit.faults.Fault``.
        hypothesis: what the judge heard.
        kept: whether split saw it.
    """

    fault: str
    hypothesis: str
    kept: bool


def doubted_utterances(path: Path, utterances: Sequence[Utterance]) -> list[Suspect]:
    """Those with a fault, in the audit's order: the worst first."""
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


def kept_utterances(
    path: Path, utterances: Sequence[Utterance]
) -> tuple[list[Utterance], dict[str, int]]:
    """What the audit let through, in order, and how many it dropped by fault.

    Raises:
        InputError: if the CSV is on other utterances.
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
