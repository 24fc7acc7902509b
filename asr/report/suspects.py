"""Select the transcripts that the audit marks as most doubtful, with audio to check them."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from asr.audit.table import Suspect
from asr.report.worst import audio_uri
from asr.utterances.shards import read_waveforms


def worst_suspects(
    suspects: Sequence[Suspect], prepared: Path, most: int
) -> list[tuple[Suspect, str]]:
    """Return the first suspects of each corpus, each with its audio as a ``data:`` URI.

    Args:
        suspects: sorted, in each corpus the worst first.
        prepared: folder of the corpora's prepared folders.
        most: maximum number for each corpus.

    Raises:
        InputError: if the audio is missing or does not match the utterance.
    """
    by_corpus: dict[str, list[Suspect]] = defaultdict(list)
    for one in suspects:
        by_corpus[one.corpus].append(one)
    shown = [one for corpus in sorted(by_corpus) for one in by_corpus[corpus][:most]]
    waveforms = read_waveforms(prepared, shown)
    return [(one, audio_uri(waveform)) for one, waveform in zip(shown, waveforms, strict=True)]
