"""WER and CER of predictions, with their intervals."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from asr.core.errors import InputError
from asr.prediction.clips import Clip
from asr.scoring.bootstrap import Interval, blocks_of, intervals_of
from asr.scoring.normalizers import Normalizers
from asr.scoring.params import ScoreParams
from asr.scoring.score import Scored, score_utterances, summary
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance


def score_lines(
    clips: Sequence[Clip],
    texts: Mapping[str, str],
    out: Path,
    params: ScoreParams,
    seed: int,
    normalizers: Normalizers,
) -> list[str]:
    """One line for all clips with a reference, and one for each of several languages.

    A clip without a prediction counts as if nothing had been said: to leave it out would flatter
    the error rate.

    Raises:
        InputError: if no clip has a reference.
    """
    scored_clips = [clip for clip in clips if clip.text is not None]
    if not scored_clips:
        raise InputError(f"--score: expected references in the manifest, as key text or "
                         f"orthographic_text, got none for {len(clips)} clips")  # fmt: skip
    utterances = [_utterance(clip, number) for number, clip in enumerate(scored_clips)]
    hypotheses = {
        one.id: Hypothesis(
            id=one.id, text=texts.get(clip.id, ""), num_tokens=0, mean_log_prob=0.0, runaway=False
        )
        for clip, one in zip(scored_clips, utterances, strict=True)
    }
    scored = score_utterances(utterances, hypotheses, out, normalizers, params.script)
    groups = {"overall": scored}
    languages = sorted({one.language for one in utterances})
    if len(languages) > 1:
        for name in languages:
            groups[f"language {name}"] = [s for s in scored if s.utterance.language == name]
    lines = [_line(name, group, params, seed) for name, group in groups.items()]
    ids = normalizers.ids(languages)
    lines.append("normalizers: " + ", ".join(f"{key} {value}" for key, value in ids.items()))
    if without := len(clips) - len(scored_clips):
        lines.append(f"{without} of {len(clips)} clips have no reference and are not scored")
    if missing := sum(clip.id not in texts for clip in scored_clips):
        lines.append(f"{missing} have no prediction; their words count as deleted")
    return lines


def _line(name: str, scored: Sequence[Scored], params: ScoreParams, seed: int) -> str:
    counts = summary(scored)
    blocks, kind = blocks_of([one.utterance for one in scored], params.min_blocks)
    words, chars = (
        intervals_of(errors, errors, blocks, params, seed).first
        for errors in ([one.words for one in scored], [one.chars for one in scored])
    )
    empty = counts["num_empty_references"]
    over = f"{len(set(blocks))} {kind}s"
    intervals = (
        f"{params.confidence:.0%} intervals over {over}"
        if words
        else f"no intervals over {over}, fewer than score.min_blocks"
    )
    return (
        f"{name}: WER {_rate(counts['wer'], words)}, CER {_rate(counts['cer'], chars)}; "
        f"{counts['num_utterances']} clips, {counts['num_words']} words, {intervals}"
        + (f"; {empty} references normalize to nothing" if empty else "")
    )


def _rate(rate: float | None, interval: Interval | None) -> str:
    shown = "–" if rate is None else f"{rate:.3f}"
    return f"{shown} [{interval.low:.3f}, {interval.high:.3f}]" if interval else shown


def _utterance(clip: Clip, number: int) -> Utterance:
    return Utterance(
        id=f"{clip.id}/{number}", corpus="predict", text=clip.text or "?", duration_s=1.0,
        language=clip.language, speaker_id=clip.speaker_id, session_id=None, license="?",
        source="?", sha256="0" * 64, attributes={}, shard="", row=0,
    )  # fmt: skip
