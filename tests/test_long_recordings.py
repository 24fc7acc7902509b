# python -m pytest tests/test_long_recordings.py
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from asr.alignment.long_recordings import timed_segments
from asr.corpora.recording import Recording, Segment
from asr.corpora.timed_text import read_timed_json
from asr.preparation.screening import screen
from asr.utterances.waveform import SAMPLE_RATE
from tests.examples import tone, wav
from tests.test_preparation import PARAMS
from tests.test_silence import pause

ROOT = Path(__file__).parent.parent
HZ = (200, 300, 400, 500)  # each a word
WORDS = ("Адзін,", "два,", "тры,", "чатыры.")
SPEECH = np.concatenate([part for hz in HZ for part in (tone(1.0, hz=hz), pause(0.5))])
TRANSCRIPT = " ".join(WORDS)


def listen(pieces):
    """A perfect model of these four words."""
    heard = []
    for piece in pieces:
        spectrum = np.abs(np.fft.rfft(piece, 4 * SAMPLE_RATE))[::4]
        heard.append(" ".join(w for w, hz in zip(WORDS, HZ, strict=True) if spectrum[hz] > 1000))
    return heard


def test_each_piece_gets_its_words():
    segments = timed_segments(SPEECH, TRANSCRIPT, listen, 3.5, PARAMS.silence)
    assert segments == (
        Segment(0.0, 2.75, "Адзін, два,", 1.0),
        Segment(2.75, 6.0, "тры, чатыры.", 1.0),
    )


def test_a_word_that_no_piece_has_leaves_both_sides_unsure():
    segments = timed_segments(SPEECH, "Адзін, два, восем тры, чатыры.", listen, 3.5, PARAMS.silence)
    assert [one.confidence for one in segments] == [0.0, 0.0]


def test_what_is_written_is_cut_by_prepare_and_the_unsure_rejected():
    segments = timed_segments(SPEECH, TRANSCRIPT, listen, 1.9, PARAMS.silence)
    assert [one.text for one in segments] == list(WORDS)
    segments = (replace(segments[0], confidence=0.2), *segments[1:])
    outcomes = screen(
        Recording("talk", TRANSCRIPT, wav(SPEECH), "talk.wav", segments=segments), PARAMS
    )
    assert outcomes[0].reason == "alignment_failed"
    assert [one.text for one in outcomes[1:]] == list(WORDS[1:])


def test_the_confidence_survives_the_file():
    written = {"segments": [{"start": 0, "end": 1, "text": "Так.", "alignment_confidence": 0.4}]}
    _, segments, _ = read_timed_json(json.dumps(written), "a.json")
    assert segments == (Segment(0.0, 1.0, "Так.", 0.4),)
