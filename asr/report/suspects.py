"""Select the transcripts that the audit marks as most doubtful, with audio to check them."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from asr.audit.table import Suspect
from asr.utterances.shards import read_waveforms
from asr.utterances.waveform import Waveform


def worst_suspects(
    suspects: Sequence[Suspect], prepared: Path, most: int
) -> list[tuple[Suspect, Waveform]]:
    """Return the first suspects of each corpus, each with its audio.

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
    return list(zip(shown, waveforms, strict=True))
