"""Find segment times for long recordings: ``python -m commands.segment --corpus talks …``.

prepare rejects a recording that is longer than the model's window and has a transcript without
times (``too_long_without_timestamps``). This command finds them: it cuts the recording at pauses,
transcribes each piece, and assigns the transcript's words to the pieces by these hypotheses. It
writes one JSON a recording; check it and put it beside the recording (format ``paired``). prepare
then cuts at these times, and rejects segments whose confidence is below
``prepare.min_alignment_confidence``. With ``prepare.long_recordings: align`` the pipeline does all
that by itself; this command is for a look by hand.

    python -m commands.segment --corpus talks --raw data/raw/talks --model models/base \\
        --max-piece-s 20 --out times/talks
"""

from collections.abc import Sequence
from pathlib import Path

from asr.alignment.long_recordings import Transcribe, long_waveform, timed_segments
from asr.core.cli import run
from asr.core.files import write_json
from asr.core.params import load_corpus, load_family_params, load_params
from asr.corpora.params import Corpus
from asr.corpora.recording import Segment
from asr.corpora.timed_text import ALIGNMENT_CONFIDENCE
from asr.corpora.withdrawn import read_recordings
from asr.decoding.params import DecodeParams
from asr.decoding.transcribe import transcribe_all
from asr.devices.params import MachineParams
from asr.families.params import ModelParams
from asr.families.protocols import family_module
from asr.preparation.params import PrepareParams
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import SAMPLE_RATE, Waveform


def segment(corpus: str, raw: Path, model: Path, max_piece_s: float, out: Path) -> None:
    """Write segment times for a corpus's long recordings that have none.

    Args:
        corpus: its key in ``params.yaml``.
        raw: folder that the stage ``fetch`` wrote.
        model: a plain transformers folder, such as ``models/base``.
        max_piece_s: length of the longest segment, in seconds; 10 to 30.
        out: folder for the JSON files.
    """
    line = load_corpus(corpus, Corpus)
    params = load_params("prepare", PrepareParams)
    transcribe = _transcriber(model, line.language)
    num_sure = num = 0
    for recording in read_recordings(raw, line):
        waveform = long_waveform(recording, params.max_duration_s, params.max_input_s)
        if waveform is None:
            continue
        text = recording.text or ""
        segments = timed_segments(waveform, text, transcribe, max_piece_s, params.silence)
        path = out / f"{recording.name}.json"
        write_json(path, {"text": text, "segments": [_plain(one) for one in segments]})
        confidences = [one.confidence or 0.0 for one in segments if one.text]
        sure = sum(c >= params.min_alignment_confidence for c in confidences)
        num_sure, num = num_sure + sure, num + len(confidences)
        print(f"{path}: {sure} of {len(confidences)} segments are reliable")
    print(f"{num_sure} of {num} are reliable; prepare rejects the others as alignment_failed")


def _transcriber(model: Path, language: str) -> Transcribe:
    """Load the model; return a function that transcribes pieces of one language."""
    params = load_params("decode", DecodeParams)
    machine = load_params("machine", MachineParams)
    name = load_params("model", ModelParams).family
    family = family_module(name, "decoding")
    own = load_family_params(name, "decode", family.OwnParams)
    engine = family.open_engine(model, machine, params, own)
    computed = family.computed_seconds(model, own)

    def transcribe(pieces: Sequence[Waveform]) -> list[str]:
        clips = [_clip(number, piece, language) for number, piece in enumerate(pieces)]
        hypotheses, _ = transcribe_all(engine, pieces, clips, computed, params)
        return [hypothesis.text for hypothesis in hypotheses]

    return transcribe


def _clip(number: int, piece: Waveform, language: str) -> Utterance:
    """A piece as an utterance; the decoder reads only its duration and language."""
    return Utterance(
        id=f"piece/{number}", corpus="piece", text="?", duration_s=len(piece) / SAMPLE_RATE,
        language=language, speaker_id=None, session_id=None, license="?", source="?",
        sha256="0" * 64, attributes={}, shard="", row=0,
    )  # fmt: skip


def _plain(one: Segment) -> dict[str, object]:
    return {
        "start": round(one.start_s, 3),
        "end": round(one.end_s or 0.0, 3),
        "text": one.text,
        ALIGNMENT_CONFIDENCE: one.confidence,
    }


if __name__ == "__main__":
    run(segment)
