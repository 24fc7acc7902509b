"""The transcripts that the audit doubts most, with their sound: an ear settles it in seconds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asr.audit.table import read_audit
from asr.report.worst import audio_uri
from asr.utterances.shards import read_utterances, read_waveforms
from asr.utterances.utterance import Utterance


@dataclass(frozen=True)
class Suspect:
    """One utterance to look at and hear.

    Attributes:
        utterance: with its transcript.
        fault: see ``asr.audit.faults.Fault``.
        hypothesis: what the judge heard.
        kept: whether split saw it.
        audio: a ``data:`` URI.
    """

    utterance: Utterance
    fault: str
    hypothesis: str
    kept: bool
    audio: str


def find_suspects(audit: Path, prepared: Path, corpora: Sequence[str], most: int) -> list[Suspect]:
    """The worst of each corpus, in the audit's order.

    Args:
        audit: folder of the corpora's CSVs.
        prepared: folder of the prepared folders.
        corpora: their names.
        most: suspects at most of each corpus.

    Raises:
        InputError: if a CSV has another header, or the audio is missing or another's.
    """
    found = []
    for corpus in corpora:
        rows = [row for row in read_audit(audit / f"{corpus}.csv") if row["fault"]][:most]
        by_id = {one.id: one for one in read_utterances(prepared / corpus)}
        utterances = [by_id[row["id"]] for row in rows]
        waveforms = read_waveforms(prepared, utterances)
        found += [
            Suspect(one, row["fault"], row["hypothesis"], row["keep"] == "yes", audio_uri(waveform))
            for row, one, waveform in zip(rows, utterances, waveforms, strict=True)
        ]
    return found
