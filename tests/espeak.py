"""Synthetic speech for tests, in many languages, from the Python package that ships eSpeak NG."""

import ctypes
from functools import cache

import espeakng_loader
import numpy as np

SYNCHRONOUS, UTF8, TO_THE_END = 2, 1, 1
_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


@cache
def _library() -> tuple[ctypes.CDLL, int]:
    library = ctypes.cdll.LoadLibrary(espeakng_loader.get_library_path())
    folder = str(espeakng_loader.get_data_path()).encode()
    rate = library.espeak_Initialize(SYNCHRONOUS, 0, folder, 0)
    assert rate > 0, f"eSpeak NG did not start: {rate}"
    return library, rate


def speak(text: str, voice: str, variant: str = "") -> tuple[np.ndarray, int]:
    """The samples, shape (num_samples,), int16, and their rate.

    Args:
        text: in the voice's language.
        voice: a language's code.
        variant: of the voice, such as ``f2``, so that several speak.
    """
    library, rate = _library()
    heard: list[np.ndarray] = []

    @_CALLBACK
    def hear(samples, count, _):
        if count > 0:
            heard.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    library.espeak_SetSynthCallback(hear)
    name = f"{voice}+{variant}" if variant else voice
    assert library.espeak_SetVoiceByName(name.encode()) == 0, f"no voice {name}"
    content = text.encode() + b"\0"
    assert library.espeak_Synth(content, len(content), 0, TO_THE_END, 0, UTF8, None, None) == 0
    return np.concatenate(heard), rate
