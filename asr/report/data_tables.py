"""The data as tables: what each corpus gave, what was rejected, the splits, the audit."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from asr.audit.table import Suspect
from asr.report.formatting import count, percent, spaced
from asr.report.tables import Cell, Column, Table, table

SPLITS = ("train", "dev", "test")


def corpora_table(data: Mapping[str, Any]) -> Table:
    """What each corpus gave to the splits, and what it lost."""
    columns = (
        Column("Corpus", kind="word"), Column("Utterances"), Column("Hours"),
        Column("Rejected", "recordings that can't be learned from"),
        Column("Dropped", "by the audit"), Column("Repaired", "transcripts"),
        Column("With digits", "transcripts with a number in digits"),
    )  # fmt: skip
    rows = []
    for name, corpus in sorted(data["corpora"].items()):
        lost = (sum(corpus[key].values()) for key in ("num_rejected", "num_dropped_by_audit"))
        numbers = (*lost, sum(corpus["num_repaired"].values()), corpus["num_with_digits"])
        rows.append((
            Cell(name), Cell(count(corpus["num_utterances"])), Cell(f"{corpus['hours']:.2f}"),
            *(Cell(count(number)) for number in numbers),
        ))  # fmt: skip
    return table("Corpora", columns, rows)


def rejects_table(data: Mapping[str, Any]) -> Table:
    """Rejected recordings by reason, with bars, most frequent first."""
    by_reason: dict[str, dict[str, int]] = {}
    for name, corpus in sorted(data["corpora"].items()):
        for reason, number in corpus["num_rejected"].items():
            by_reason.setdefault(reason, {})[name] = number
    return _counts("Rejected recordings, by reason", "Reason", by_reason)


def splits_table(data: Mapping[str, Any]) -> Table:
    """Train, dev and test, with their corpora."""
    columns = (
        Column("Split", kind="word"), Column("Utterances"), Column("Minutes"), Column("Speakers"),
        Column("By corpus", kind="text"),
    )  # fmt: skip
    rows = []
    for name in SPLITS:
        split = data["splits"][name]
        speakers = count(split["num_speakers"])
        if split["num_without_speaker"]:
            speakers = "unknown" if not split["num_speakers"] else f"{speakers} or more"
        rows.append((
            Cell(name), Cell(count(split["num_utterances"])), Cell(f"{split['seconds'] / 60:.1f}"),
            Cell(speakers), Cell(_listed(split["num_utterances_by"]["corpus"])),
        ))  # fmt: skip
    return table("Splits", columns, rows)


def audit_table(data: Mapping[str, Any], suspects: Sequence[Suspect]) -> Table:
    """Suspect transcripts by corpus and fault; the audit may have heard only a sample."""
    faults = {name: Counter[str]() for name in sorted(data["corpora"])}
    for one in suspects:
        faults[one.corpus][one.fault] += 1
    rows = []
    for name, found in faults.items():
        corpus = data["corpora"][name]
        dropped = sum(corpus["num_dropped_by_audit"].values())
        num_all = corpus["num_utterances"] + dropped
        num_audited = num_all - data.get("num_not_drawn_by_audit", {}).get(name, 0)
        sampled = f"sampled from {count(num_all)}" if num_audited < num_all else ""
        share = found.total() / num_audited if num_audited else None
        rows.append((
            Cell(name), Cell(count(num_audited), sampled),
            Cell(count(found.total()), percent(share, 1), bar=share),
            Cell(_listed(found)), Cell(count(dropped)),
        ))  # fmt: skip
    columns = (
        Column("Corpus", kind="word"), Column("Audited", "utterances"),
        Column("Suspect", "transcripts that do not fit their audio"),
        Column("Faults", kind="text"), Column("Dropped"),
    )  # fmt: skip
    return table("Audit of the transcripts", columns, rows)


def aside_sentence(data: Mapping[str, Any]) -> str:
    """How many utterances are in no split because test or dev has the like; empty if none."""
    if not data["aside"]:
        return ""
    return f"Set aside, since test or dev has the like: {_listed(data['aside'])}."


def _counts(caption: str, kind: str, counts: Mapping[str, Mapping[str, int]]) -> Table:
    totals = {name: sum(by_corpus.values()) for name, by_corpus in counts.items()}
    longest = max(totals.values(), default=0) or 1
    rows = [
        (Cell(spaced(name)), Cell(count(total), bar=total / longest), Cell(_listed(counts[name])))
        for name, total in sorted(totals.items(), key=lambda item: (-item[1], item[0]))
    ]
    columns = (Column(kind, kind="word"), Column("Recordings"), Column("By corpus", kind="text"))
    return table(caption, columns, rows)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{spaced(name)} {count(counts[name])}" for name in sorted(counts)) or "none"
