"""Synthetic speech in many languages with the times of its words, by the package of eSpeak NG."""

import ctypes
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import espeakng_loader
import numpy as np
import numpy.typing as npt
import soxr

from asr.utterances.waveform import SAMPLE_RATE, Waveform

SYNCHRONOUS, UTF8, TO_THE_END, PHONEME_EVENTS = 2, 1, 1, 1
END_OF_EVENTS, WORD, PHONEME = 0, 1, 7
PAUSE = b"_"  # begins the names of pauses among phonemes


class _Id(ctypes.Union):
    _fields_ = (
        ("number", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("string", ctypes.c_char * 8),
    )


class _Event(ctypes.Structure):
    """``espeak_EVENT`` of ``speak_lib.h``."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@dataclass(frozen=True)
class Speech:
    """Spoken text.

    Attributes:
        samples: shape (num_samples,), int16.
        rate: samples a second.
        word_starts: of each word that eSpeak NG announces: index of its first letter in the text,
            and first sample.
        pauses: first samples of the pauses.
    """

    samples: npt.NDArray[np.int16]
    rate: int
    word_starts: tuple[tuple[int, int], ...]
    pauses: tuple[int, ...]


@cache
def _library() -> tuple[ctypes.CDLL, int]:
    library = ctypes.cdll.LoadLibrary(espeakng_loader.get_library_path())
    folder = str(espeakng_loader.get_data_path()).encode()
    rate = library.espeak_Initialize(SYNCHRONOUS, 0, folder, PHONEME_EVENTS)
    if rate <= 0:
        raise OSError(f"eSpeak NG did not start: {rate}")
    return library, rate


def speak(text: str, voice: str, variant: str = "") -> Speech:
    """Speak a text.

    Args:
        text: in the voice's language.
        voice: a language's code.
        variant: of the voice, such as ``f2``, so that several speak.
    """
    library, rate = _library()
    heard: list[npt.NDArray[np.int16]] = []
    words: list[tuple[int, int]] = []
    pauses: list[int] = []

    @_CALLBACK
    def hear(samples, count, events):  # type: ignore[no-untyped-def]
        if count > 0:
            heard.append(np.ctypeslib.as_array(samples, (count,)).copy())
        number = 0
        while events[number].type != END_OF_EVENTS:
            event = events[number]
            if event.type == WORD:
                words.append((event.text_position - 1, event.sample))  # counted from 1
            elif event.type == PHONEME and event.id.string.startswith(PAUSE):
                pauses.append(event.sample)
            number += 1
        return 0

    library.espeak_SetSynthCallback(hear)
    name = f"{voice}+{variant}" if variant else voice
    if library.espeak_SetVoiceByName(name.encode()) != 0:
        raise ValueError(f"eSpeak NG has no voice {name}")
    content = text.encode() + b"\0"
    if library.espeak_Synth(content, len(content), 0, TO_THE_END, 0, UTF8, None, None) != 0:
        raise OSError(f"eSpeak NG did not speak {text!r}")
    return Speech(np.concatenate(heard), rate, tuple(words), tuple(pauses))


@dataclass(frozen=True)
class SpokenWords:
    """A clip whose word times are known.

    Attributes:
        waveform: float32, mono, 16 kHz.
        text: its words are what spaces separate.
        times: start and end of each word, in seconds; None for one that eSpeak NG does not
            announce, because it speaks it in one breath with the word before.
    """

    waveform: Waveform
    text: str
    times: tuple[tuple[float, float] | None, ...]


def speak_words(text: str, voice: str, variant: str, margin_s: float) -> SpokenWords:
    """Speak a text, with ``margin_s`` of silence before and after it."""
    speech = speak(text, voice, variant)
    starts: list[int | None] = []
    at = 0
    for word in text.split():
        first = text.index(word, at)
        at = first + len(word)
        own = [sample for place, sample in speech.word_starts if first <= place < at]
        starts.append(min(own) if own else None)
    known = [start for start in starts if start is not None]
    ends = dict(pairwise([*known, len(speech.samples)]))
    times = tuple(
        None
        if start is None
        else (
            margin_s + start / speech.rate,
            margin_s
            + min([pause for pause in speech.pauses if start < pause] + [ends[start]])
            / speech.rate,
        )
        for start in starts
    )
    samples = speech.samples.astype(np.float32) / 2**15
    margin = np.zeros(round(margin_s * SAMPLE_RATE), np.float32)
    waveform = np.asarray(soxr.resample(samples, speech.rate, SAMPLE_RATE), np.float32)
    return SpokenWords(np.concatenate([margin, waveform, margin]), text, times)
