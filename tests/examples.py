"""Small things to test with: tones, WAV files, utterances."""

import io

import numpy as np
import soundfile

from asr.utterances.utterance import Utterance
from asr.utterances.waveform import SAMPLE_RATE, Waveform


def tone(duration_s: float, hz: float = 440.0, peak: float = 0.5, rate: int = SAMPLE_RATE):
    """A sine, shape (num_samples,), float32."""
    time_s = np.arange(round(duration_s * rate)) / rate
    return (peak * np.sin(2 * np.pi * hz * time_s)).astype(np.float32)


def wav(waveform: Waveform, rate: int = SAMPLE_RATE, subtype: str = "FLOAT") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, waveform, rate, format="WAV", subtype=subtype)
    return file.getvalue()


def utterance(name: str, **fields) -> Utterance:
    """An utterance of corpus ``xx`` that shares nothing with one of another name."""
    corpus = fields.get("corpus", "xx")
    known = {
        "id": f"{corpus}/{name}",
        "corpus": corpus,
        "text": f"Sentence {name}.",
        "duration_s": 1.0,
        "language": "be",
        "speaker_id": None,
        "session_id": None,
        "license": "CC0-1.0",
        "source": f"test:{name}.wav",
        "sha256": name.encode().hex().rjust(64, "0")[-64:],
        "attributes": {},
        "shard": "00000.parquet",
        "row": 0,
    }
    return Utterance(**known | fields)
