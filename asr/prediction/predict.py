"""Transcribe clips in groups; after each group its predictions are on the disk."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict
from tqdm import tqdm

from asr.audio.params import SilenceParams
from asr.audio.silence import MIN_S, cut_at_silences
from asr.audio.stream import UndecodableError
from asr.core.csv_files import write_csv
from asr.core.errors import InputError
from asr.decoding.journal import Journal
from asr.prediction.clips import Clip
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import SAMPLE_RATE, Waveform
from asr.workers.workers import num_cores

# Transcribes pieces of clips; returns a hypothesis for each.
Transcribe = Callable[[Sequence[Waveform], Sequence[Utterance]], Sequence[Hypothesis]]


class Prediction(BaseModel):
    """A line of the file of predictions, in the form of DrivenData's competitions."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    utterance_id: str
    orthographic_text: str


class ConfidentPrediction(Prediction):
    """A prediction with what ``commands.rank`` reads.

    Attributes:
        duration_s: of the clip.
        num_tokens: tokens decoded, the end token included.
        mean_log_prob: mean natural log-probability of those tokens.
        runaway: whether decoding used up the token budget, in any piece of a clip that was cut.
    """

    duration_s: float
    num_tokens: int
    mean_log_prob: float
    runaway: bool


Row = TypeVar("Row", bound=Prediction)


@dataclass(frozen=True)
class Failure:
    """A clip without a prediction, and why."""

    id: str
    why: str


def list_failures(path: Path, failures: Sequence[Failure]) -> None:
    """Write the failures as CSV, and print the first; without any, remove an earlier list."""
    path.unlink(missing_ok=True)
    if failures:
        write_csv(path, ("utterance_id", "why"), [(one.id, one.why) for one in failures])
        print(f"{path}: {len(failures)} failed, first {failures[0].id}: {failures[0].why}")


@dataclass(frozen=True)
class Cutting:
    """How a clip that is too long is cut.

    Attributes:
        max_s: length of the longest piece, in seconds.
        silence: defines silence, where cuts are best.
    """

    max_s: float
    silence: SilenceParams

    def pieces(self, waveform: Waveform) -> list[Waveform]:
        """The whole waveform if it is short enough, else its pieces, in order."""
        if len(waveform) <= self.max_s * SAMPLE_RATE:
            return [waveform]
        bounds = cut_at_silences(waveform, self.max_s, self.silence)
        return [waveform[start:end] for start, end in bounds]


def check_ids(journal: Journal[Row], clips: Sequence[Clip], out: Path) -> None:
    """Check that the predictions of an earlier run are of these clips.

    Raises:
        InputError: if one is of no clip, or comes twice.
    """
    found = [row.utterance_id for row in journal.rows]
    if unknown := sorted(set(found) - {clip.id for clip in clips}):
        raise InputError(
            f"{out}: {len(unknown)} predictions for no clip of the manifest, first "
            f"{unknown[0]!r:.120}; take another file for another manifest"
        )
    if len(set(found)) < len(found):
        twice = next(one for one in found if found.count(one) > 1)
        raise InputError(f"{out}: utterance_id {twice!r:.120} appears twice")


def predict(
    clips: Sequence[Clip],
    journal: Journal[Row],
    schema: type[Row],
    transcribe: Transcribe,
    cutting: Cutting,
    group_s: float,
) -> list[Failure]:
    """Transcribe the clips that the journal lacks, and append them in their order.

    Groups depend on the clips alone, so a run that was killed between two groups and resumed writes
    the same bytes as one that was not.

    Args:
        clips: of the manifest.
        journal: of the predictions.
        schema: of its rows: ``Prediction`` or ``ConfidentPrediction``.
        transcribe: by the model.
        cutting: of clips that are too long.
        group_s: seconds of audio in a group, which is held in memory.

    Returns:
        The clips that could not be transcribed; they cost no others.

    Raises:
        InputError: if a group of several clips fails as a whole.
    """
    done = {row.utterance_id for row in journal.rows}
    todo = [clip for clip in clips if clip.id not in done]
    failures: list[Failure] = []
    with tqdm(total=len(clips), initial=len(done), unit="clip", desc="predict") as progress:
        for group in predicted_groups(todo, transcribe, cutting, group_s):
            journal.append(
                schema.model_validate(one.model_dump(include=set(schema.model_fields)))
                for one in group.values()
                if not isinstance(one, Exception)
            )
            failed = [Failure(c.id, str(e)) for c, e in group.items() if isinstance(e, Exception)]
            for one in failed[: max(0, 10 - len(failures))]:
                progress.write(f"{one.id}: {one.why}")
            failures += failed
            progress.update(len(group))
    return failures


def predicted_groups(
    clips: Sequence[Clip], transcribe: Transcribe, cutting: Cutting, group_s: float
) -> Iterator[dict[Clip, ConfidentPrediction | Exception]]:
    """Transcribe clips group by group; see ``predict``.

    Yields:
        For each clip of a group its prediction, or the error that kept it from having one.
    """
    for group in _groups(_loaded(clips), group_s):
        audible = {clip: w for clip, w in group.items() if not isinstance(w, Exception)}
        found: dict[Clip, ConfidentPrediction | Exception] = {
            clip: w for clip, w in group.items() if isinstance(w, Exception)
        }
        found.update(_predictions(audible, transcribe, cutting))
        yield found


def _predictions(
    waveforms: dict[Clip, Waveform], transcribe: Transcribe, cutting: Cutting
) -> dict[Clip, ConfidentPrediction | InputError]:
    """The prediction of each clip, or the error that only this clip causes."""
    try:
        return dict(_transcribed(waveforms, transcribe, cutting))
    except InputError as error:
        alone: dict[Clip, ConfidentPrediction | InputError] = {}
        for clip, waveform in waveforms.items():
            try:
                alone |= _transcribed({clip: waveform}, transcribe, cutting)
            except InputError as own:
                alone[clip] = own
        if len(alone) > 1 and all(isinstance(one, InputError) for one in alone.values()):
            raise InputError(str(error)) from error
        return alone


def _transcribed(
    waveforms: dict[Clip, Waveform], transcribe: Transcribe, cutting: Cutting
) -> dict[Clip, ConfidentPrediction]:
    """The prediction of each clip, joined of those of its pieces."""
    pieces = [
        (clip, number, piece)
        for clip, waveform in waveforms.items()
        for number, piece in enumerate(cutting.pieces(waveform))
    ]
    if not pieces:
        return {}
    found = transcribe([piece for _, _, piece in pieces], [_utterance(*one) for one in pieces])
    by_clip: dict[Clip, list[Hypothesis]] = {clip: [] for clip in waveforms}
    for (clip, _, _), hypothesis in zip(pieces, found, strict=True):
        by_clip[clip].append(hypothesis)
    return {clip: _joined(clip, waveforms[clip], ones) for clip, ones in by_clip.items()}


def _joined(clip: Clip, waveform: Waveform, pieces: Sequence[Hypothesis]) -> ConfidentPrediction:
    num_tokens = sum(one.num_tokens for one in pieces)
    log_prob = sum(one.num_tokens * one.mean_log_prob for one in pieces)
    return ConfidentPrediction(
        utterance_id=clip.id,
        orthographic_text=" ".join(one.text for one in pieces if one.text),
        duration_s=round(len(waveform) / SAMPLE_RATE, 3),
        num_tokens=num_tokens,
        mean_log_prob=round(log_prob / max(1, num_tokens), 6),
        runaway=any(one.runaway for one in pieces),
    )


def _utterance(clip: Clip, number: int, piece: Waveform) -> Utterance:
    """A piece as an utterance; the decoder reads only its id, duration and language."""
    return Utterance(
        id=f"{clip.id}/{number}", corpus="predict", text="?",
        duration_s=len(piece) / SAMPLE_RATE, language=clip.language,
        speaker_id=None, session_id=None, license="?", source="?",
        sha256="0" * 64, attributes={}, shard="", row=0,
    )  # fmt: skip


def _loaded(clips: Sequence[Clip]) -> Iterator[tuple[Clip, Waveform | Exception]]:
    """Decode clips in threads, a few ahead of the model, in order."""
    num = num_cores()
    ahead: deque[tuple[Clip, Future[Waveform | Exception]]] = deque()
    with ThreadPoolExecutor(num) as threads:
        for clip in clips:
            ahead.append((clip, threads.submit(_waveform_or_error, clip)))
            if len(ahead) > 4 * num:
                first, future = ahead.popleft()
                yield first, future.result()
        for first, future in ahead:
            yield first, future.result()


def _waveform_or_error(clip: Clip) -> Waveform | Exception:
    try:
        waveform = clip.load()
    except (UndecodableError, InputError, OSError) as error:
        return error
    if (duration_s := len(waveform) / SAMPLE_RATE) < MIN_S:
        return InputError(f"expected at least {MIN_S:g} s of audio, got {duration_s:.3f}")
    return waveform


def _groups(
    loaded: Iterable[tuple[Clip, Waveform | Exception]], group_s: float
) -> Iterator[dict[Clip, Waveform | Exception]]:
    """Groups of clips of about ``group_s`` seconds together."""
    group: dict[Clip, Waveform | Exception] = {}
    seconds = 0.0
    for clip, waveform in loaded:
        group[clip] = waveform
        seconds += 0.0 if isinstance(waveform, Exception) else len(waveform) / SAMPLE_RATE
        if seconds >= group_s:
            yield group
            group, seconds = {}, 0.0
    if group:
        yield group
