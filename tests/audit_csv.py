"""``data/audit/<corpus>.csv`` as the audit writes it, for tests of what comes after it."""

from pathlib import Path

from asr.audit_rows import AuditRow, write_audit
from asr.shards import read_utterances


def write_audit_of(corpus: str, num_dropped: int) -> None:
    """What the audit would write, had it dropped the first few for want of speech."""
    rows = []
    for place, one in enumerate(read_utterances(Path("data/prepared") / corpus)):
        keep, fault = ("no", "no_speech") if place < num_dropped else ("yes", "")
        rows.append(
            AuditRow(
                id=one.id, keep=keep, fault=fault, fit=5.0, wholeness=0.0, log_prob=-1.0, cer=0.5,
                tail_gain=1.0, end_drop_db=30.0, no_speech_prob=0.1, text_language=None,
                heard_language=corpus, chars_per_s=10.0, duration_s=one.duration_s, text=one.text,
                hypothesis="",
            )
        )  # fmt: skip
    write_audit(Path(f"data/audit/{corpus}.csv"), rows)
