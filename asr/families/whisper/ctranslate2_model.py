"""A plain transformers folder in CTranslate2: the model, and what asking it needs besides.

The conversion is a process of its own: it loads transformers' models and torch's compiler with them
and leaves holes in the heap, 250 MB that a decoder would carry along to its end.
"""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ctranslate2
from transformers import GenerationConfig, WhisperConfig, WhisperTokenizer

from asr.errors import InputError

_CONVERT = "from ctranslate2.converters.transformers import main; main()"


@dataclass(frozen=True)
class Ctranslate2Model:
    """A Whisper in CTranslate2.

    Attributes:
        model: on the CPU each of its workers has a core.
        tokenizer: the folder's.
        generation: its generation config.
        suppressed: tokens that may not come; its own list, and timestamps, which the library leaves
            free even where they are off.
        num_mels: mel bins of a spectrogram.
        num_positions: of the decoder, for prompt, text and end.
    """

    model: ctranslate2.models.Whisper
    tokenizer: WhisperTokenizer
    generation: Any
    suppressed: list[int]
    num_mels: int
    num_positions: int


def load_ctranslate2(
    folder: Path, device: str, precision: str, num_workers: int
) -> Ctranslate2Model:
    """Convert a plain transformers folder and load what comes out.

    Raises:
        InputError: if the folder holds no Whisper model, or none that can be converted.
        RuntimeError: if CTranslate2 lacks what it needs on the device.
    """
    try:
        config = WhisperConfig.from_pretrained(folder)
        generation: Any = GenerationConfig.from_pretrained(folder)
        tokenizer = WhisperTokenizer.from_pretrained(folder)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{folder}: expected a Whisper model, got {error}") from error
    with TemporaryDirectory() as beside:
        model = ctranslate2.models.Whisper(
            str(_converted(folder, Path(beside), precision)),
            device=device,
            compute_type=precision,
            inter_threads=num_workers,
            intra_threads=1,
        )
    return Ctranslate2Model(
        model=model,
        tokenizer=tokenizer,
        generation=generation,
        # -1 stands for the model's own list.
        suppressed=[-1, *range(generation.no_timestamps_token_id + 1, config.vocab_size)],
        num_mels=config.num_mel_bins,
        num_positions=config.max_target_positions,
    )


def _converted(folder: Path, beside: Path, precision: str) -> Path:
    out = beside / "model"
    options = ["--model", folder, "--output_dir", out, "--quantization", precision]
    done = subprocess.run(
        [sys.executable, "-c", _CONVERT, *map(str, options)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        *_, why = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise InputError(f"{folder}: can't be converted to CTranslate2: {why}")
    return out
