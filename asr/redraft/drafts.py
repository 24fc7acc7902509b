"""Drafts of a model for pending clips, batch by batch."""

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from asr.alignment.params import AlignParams
from asr.alignment.unit_scores import Aligner
from asr.alignment.words import aligned_words
from asr.audio.decoding import decode
from asr.core.errors import InputError
from asr.prediction.clips import Clip
from asr.prediction.predict import Cutting, Transcribe, predicted_groups
from asr.redraft.audio import Load
from asr.redraft.clips import Draft, PendingClip, PendingClips
from asr.redraft.held_out import HeldOut, HeldOutError
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import SAMPLE_RATE, Waveform

MAX_SHOWN = 10  # failures on the screen; the rest is counted


@dataclass(frozen=True)
class Drafting:
    """What turns a pending clip into a draft.

    Attributes:
        load: the bytes of its audio.
        transcribe: by the model.
        cutting: of clips that are too long.
        group_s: seconds of audio transcribed together.
        max_input_s: of a file; decoding stops there.
        language: of clips without one; None if each must have one.
        held_out: clips that get no draft.
        aligner: for word times; None for drafts without them.
        align: section ``align``.
    """

    load: Load
    transcribe: Transcribe
    cutting: Cutting
    group_s: float
    max_input_s: float
    language: str | None
    held_out: HeldOut
    aligner: Aligner | None
    align: AlignParams

    def drafts(
        self, pending: Sequence[PendingClip]
    ) -> Iterator[list[tuple[PendingClip, Draft | Exception]]]:
        """Groups of clips, each with its draft or the error that kept it from having one."""
        pieces: dict[str, tuple[Waveform, Hypothesis]] = {}
        by_id = {one.id: one for one in pending}
        clips = [self._clip(one) for one in pending]

        def transcribe(
            waveforms: Sequence[Waveform], utterances: Sequence[Utterance]
        ) -> Sequence[Hypothesis]:
            found = self.transcribe(waveforms, utterances)
            for waveform, one, hypothesis in zip(waveforms, utterances, found, strict=True):
                pieces[one.id] = waveform, hypothesis
            return found

        for group in predicted_groups(clips, transcribe, self.cutting, self.group_s):
            made: list[tuple[PendingClip, Draft | Exception]] = []
            for clip, found in group.items():
                if isinstance(found, Exception):
                    made.append((by_id[clip.id], found))
                    continue
                words = self._words(self.aligner, clip, pieces) if self.aligner else None
                confidence = round(math.exp(min(0.0, found.mean_log_prob)), 4)
                draft = Draft(found.orthographic_text, confidence, words)
                made.append((by_id[clip.id], draft))
            yield made
            pieces.clear()

    def _clip(self, pending: PendingClip) -> Clip:
        language = pending.language or self.language
        load = partial(self._waveform, pending, language)
        return Clip(pending.id, language or "", None, None, load)

    def _waveform(self, pending: PendingClip, language: str | None) -> Waveform:
        if language is None:
            raise InputError("expected a language of the clip or of the block, got none")
        audio = self.load(pending.audio)
        self.held_out.check(pending.id, audio)
        return decode(audio, self.max_input_s).waveform

    def _words(
        self, aligner: Aligner, clip: Clip, pieces: dict[str, tuple[Waveform, Hypothesis]]
    ) -> list[dict[str, Any]]:
        """The words with their times in the clip, piece after piece."""
        words, start_s, number = [], 0.0, 0
        while (piece := pieces.get(f"{clip.id}/{number}")) is not None:
            waveform, hypothesis = piece
            for word in aligned_words(
                aligner, waveform, hypothesis.text, clip.language, self.align
            ):
                begins = None if word.start_s is None else round(start_s + word.start_s, 3)
                ends = None if word.end_s is None else round(start_s + word.end_s, 3)
                words.append(
                    {"word": word.text, "start": begins, "end": ends,
                     "probability": word.confidence}
                )  # fmt: skip
            start_s += len(waveform) / SAMPLE_RATE
            number += 1
        return words


@dataclass(frozen=True)
class Wishes:
    """Which drafts are written.

    Attributes:
        limit: most clips of this run; None for all.
        only_changed: whether a draft that equals the present one leaves its clip as it is.
        min_confidence: a draft below it leaves its clip as it is.
    """

    limit: int | None
    only_changed: bool
    min_confidence: float


@dataclass
class Counts:
    """What became of the clips of a run."""

    written: int = 0
    unchanged: int = 0
    below_min_confidence: int = 0
    changed_meanwhile: int = 0
    of_test_sets: int = 0
    failed: int = 0
    shown: int = field(default=0, repr=False)

    def sentence(self) -> str:
        """For the end of a run."""
        return (
            f"{self.written} drafts written; left as they are: {self.unchanged} the same, "
            f"{self.below_min_confidence} below --min-confidence, {self.changed_meanwhile} changed "
            f"by others meanwhile, {self.of_test_sets} of test sets; {self.failed} failed"
        )


def redraft(
    clips: PendingClips, drafting: Drafting, wishes: Wishes, batch_clips: int,
    progress: Callable[[int], None] = lambda _: None,
) -> Counts:  # fmt: skip
    """Claim, transcribe and write, until no clip is left.

    Claims that this process still holds when it is interrupted are given back.
    """
    counts, left = Counts(), wishes.limit
    while left is None or left > 0:
        batch = clips.claim(batch_clips if left is None else min(batch_clips, left))
        if not batch:
            break
        left = None if left is None else left - len(batch)
        unwritten = {one.id: one for one in batch}
        try:
            for group in drafting.drafts(batch):
                _settle(clips, group, wishes, counts)
                for one, _ in group:
                    del unwritten[one.id]
                progress(len(group))
        except BaseException:
            clips.release(list(unwritten.values()))
            raise
    return counts


def _settle(
    clips: PendingClips,
    group: Sequence[tuple[PendingClip, Draft | Exception]],
    wishes: Wishes,
    counts: Counts,
) -> None:
    """Write the drafts and failures of a group, and give the other clips back."""
    drafts, failed, others = [], [], []
    for clip, found in group:
        if isinstance(found, HeldOutError):
            counts.of_test_sets += 1
            others.append(clip)
        elif isinstance(found, Exception):
            failed.append((clip, str(found)))
        elif found.confidence < wishes.min_confidence:
            counts.below_min_confidence += 1
            others.append(clip)
        elif wishes.only_changed and found.text == (clip.draft or ""):
            counts.unchanged += 1
            others.append(clip)
        else:
            drafts.append((clip, found))
    written = clips.write(drafts)
    others += [clip for clip, _ in drafts if clip.key not in written]
    counts.written += len(written)
    counts.changed_meanwhile += len(drafts) - len(written)
    counts.failed += len(failed)
    if failed:
        clips.fail(failed)
        for clip, why in failed[: MAX_SHOWN - counts.shown]:
            print(f"{clip.id}: {why}", file=sys.stderr)
        counts.shown = min(MAX_SHOWN, counts.shown + len(failed))
    clips.release(others)


def preview(clips: PendingClips, drafting: Drafting, num: int) -> list[str]:
    """Lines that show drafts of a few clips beside the present ones; nothing is written."""
    lines = []
    pending = clips.peek(num)
    for group in drafting.drafts(pending):
        for clip, found in group:
            lines.append(f"{clip.id}:")
            if isinstance(found, Exception):
                lines.append(f"  ! {found}")
            else:
                lines.append(f"  - {clip.draft or ''}")
                lines.append(f"  + {found.text}  ({found.confidence:.2f})")
    return lines
