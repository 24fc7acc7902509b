"""Find the times of transcripts of long recordings that have none, if ``params.yaml`` says so."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from asr.alignment.long_recordings import long_waveform, timed_segments
from asr.audit.params import AuditParams
from asr.audit.transcriber import JudgeTranscriber, judge_transcriber
from asr.core.cli import run
from asr.core.params import load_corpus, load_params
from asr.corpora.params import Corpus
from asr.corpora.withdrawn import read_recordings
from asr.devices.params import MachineParams
from asr.preparation.found_segments import TimedRecording
from asr.preparation.params import PrepareParams
from asr.utterances.jsonl import write_jsonl


def segment(corpus: str, raw: Path, judge: Path, out: Path) -> None:
    """Write segments with times for a corpus's long recordings that have none.

    With ``prepare.long_recordings: reject`` there is nothing to do: neither audio nor model is
    read.

    Args:
        corpus: its key in ``params.yaml``.
        raw: folder that the stage ``fetch`` wrote.
        judge: folder of the model that audits transcripts, which also transcribes here.
        out: JSONL with a recording a line.
    """
    params = load_params("prepare", PrepareParams)
    found = _segmented(corpus, raw, judge, params) if params.long_recordings == "align" else ()
    write_jsonl(out, found)


def _segmented(
    corpus: str, raw: Path, judge: Path, params: PrepareParams
) -> Iterator[TimedRecording]:
    line = load_corpus(corpus, Corpus)
    transcriber = None
    for recording in read_recordings(raw, line):
        waveform = long_waveform(recording, params.max_duration_s, params.max_input_s)
        if waveform is None:
            continue
        transcriber = transcriber or _transcriber(judge)
        language = recording.language or line.language
        if not transcriber.takes(language, params.max_piece_s):
            print(f"{recording.file}: the judge does not know {language!r}, so it finds no times")
            continue
        transcribe = partial(transcriber.transcribe, language=language)
        text = recording.text or ""
        segments = timed_segments(waveform, text, transcribe, params.max_piece_s, params.silence)
        least = params.min_alignment_confidence
        said = [one for one in segments if one.text]
        sure = sum((one.confidence or 0.0) >= least for one in said)
        print(f"{recording.file}: {sure} of {len(said)} segments are reliable")
        yield TimedRecording(name=recording.name, segments=segments)


def _transcriber(judge: Path) -> JudgeTranscriber:
    """Loaded at the first long recording, since a corpus may have none."""
    machine = load_params("machine", MachineParams)
    return judge_transcriber(judge, load_params("audit", AuditParams), machine.num_threads)


if __name__ == "__main__":
    run(segment)
