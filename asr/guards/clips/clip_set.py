"""The clips of all guards, and the prepared folders that hold them."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from asr.core.errors import InputError
from asr.corpora.params import CorporaParams, TestSet
from asr.guards.clips.joined import by_language, long_clips, timestamp_clips
from asr.guards.clips.pauses import pause_clips
from asr.guards.clips.sounds import sound_clips
from asr.guards.kinds import GUARD, OTHER, Clip
from asr.guards.params import GuardsParams
from asr.preparation.params import PrepareParams
from asr.splits.params import SplitParams
from asr.splits.test_set import sample_test_set
from asr.utterances.shards import Waveforms, read_utterances, read_waveforms, write_shards
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import to_int16

MIB = 1 << 20


def made_clips(
    test: Sequence[Utterance], prepared: Path, params: GuardsParams, prepare: PrepareParams
) -> tuple[list[Clip], list[Clip]]:
    """Make the clips that need no other corpus.

    Args:
        test: the test set; its languages are those that the model was tuned on.
        prepared: its audio.
        params: section ``guards``.
        prepare: section ``prepare``: the longest clip, and what silence is.

    Returns:
        Clips to transcribe, and clips to write timestamps for.
    """
    waveforms = Waveforms(prepared, test)
    max_s = prepare.max_duration_s
    to_transcribe = [
        *sound_clips(list(by_language(test)), params),
        *pause_clips(test, waveforms, params),
        *long_clips(test, waveforms, params, max_s, prepare.silence),
    ]
    return to_transcribe, timestamp_clips(test, waveforms, params, max_s)


def other_clips(
    others: Mapping[str, TestSet],
    folder: Path,
    seen: Mapping[str, Sequence[Utterance]],
    same_source: Callable[[str], Collection[str]],
    split: SplitParams,
) -> list[Clip]:
    """Draw the clips of other languages, without those that share something with training.

    A corpus of which nothing is left is printed and not measured: no guard stops a run.

    Args:
        others: lines of ``guards.others``.
        folder: with the shards of each.
        seen: utterances of train, dev and replay, by the name of their manifest.
        same_source: corpora of the same source as one; see ``sample_test_set``.
        split: section ``split``: what no two splits share.
    """
    clips = []
    for name, line in others.items():
        line = line.model_copy(update={"on_leak": "drop_from_test"})
        utterances = read_utterances(folder / name)
        try:
            drawn, _ = sample_test_set(
                name, utterances, seen, line, same_source(line.source), split
            )
        except InputError as error:
            print(f"guards.others.{name}: not measured; {error}")
            continue
        for one, waveform in zip(drawn, read_waveforms(folder, drawn), strict=True):
            attributes = {**one.attributes, GUARD: OTHER}
            clips.append(Clip(one.model_copy(update={"attributes": attributes}),
                              to_int16(waveform).tobytes()))  # fmt: skip
    return clips


def same_source(corpora: CorporaParams, source: str) -> set[str]:
    """The names of the corpora with a source."""
    return {name for name, line in corpora.items() if line.source == source}


def write_clips(clips: Sequence[Clip], prepared: Path) -> list[Utterance]:
    """Write shards, a folder for each corpus in ``prepared``; returns the utterances' places."""
    by_corpus: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        by_corpus[clip.utterance.corpus].append(clip)
    written: list[Utterance] = []
    for corpus, own in by_corpus.items():
        (prepared / corpus).mkdir(parents=True)
        rows = ((clip.utterance, clip.samples) for clip in own)
        written += write_shards(prepared / corpus, rows, 64 * MIB)
    return written
