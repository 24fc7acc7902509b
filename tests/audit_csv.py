"""``data/audit/<corpus>.csv`` as the audit writes it, for tests of what comes after it."""

from collections.abc import Iterable
from pathlib import Path

from asr.audit.table import AuditRow, write_audit
from asr.utterances.shards import read_utterances
from asr.utterances.utterance import Utterance


def audited(utterances: Iterable[Utterance], num_dropped: int) -> list[AuditRow]:
    """What the audit would say, had it dropped the first few for want of speech."""
    return [
        AuditRow(
            id=one.id, keep="no" if place < num_dropped else "yes",
            fault="no_speech" if place < num_dropped else "", fit=5.0, wholeness=0.0,
            log_prob=-1.0, cer=0.5, tail_gain=1.0, end_drop_db=30.0, no_speech_prob=0.1,
            text_language=None, heard_language=one.language, chars_per_s=10.0,
            duration_s=one.duration_s, text=one.text, hypothesis="брум-брум",
        )
        for place, one in enumerate(utterances)
    ]  # fmt: skip


def write_audit_of(corpus: str, num_dropped: int) -> None:
    """Write that for a corpus which prepare wrote."""
    utterances = read_utterances(Path("data/prepared") / corpus)
    write_audit(Path(f"data/audit/{corpus}.csv"), audited(utterances, num_dropped))
