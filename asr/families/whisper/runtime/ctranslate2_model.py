"""A plain transformers folder in CTranslate2: the model, and what asking it needs besides."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import ctranslate2
from tokenizers import Tokenizer

from asr.families.whisper.runtime.scripts import tokens_of
from asr.families.whisper.runtime.to_ctranslate2 import convert
from asr.families.whisper.tokens.description import Description, read_description, read_tokenizer
from asr.features.log_mel import LogMel, frames_of, log_mel
from asr.utterances.waveform import Waveform


@dataclass(frozen=True)
class Ctranslate2Model:
    """A Whisper in CTranslate2.

    Attributes:
        model: on the CPU each of its workers has a core.
        tokenizer: the folder's.
        about: what else the folder says.
        tokens: of the tokenizer, by the model's own numbers: all, or what some scripts need.
        suppressed: the model's numbers of tokens that may not come; its own list, and timestamps,
            which the library leaves free even where they are off.
    """

    model: ctranslate2.models.Whisper
    tokenizer: Tokenizer
    about: Description
    tokens: Sequence[int]
    suppressed: list[int]

    def log_mel(self, waveforms: Sequence[Waveform], context_s: float) -> LogMel:
        """What the model hears of a batch of clips; as ``asr.features.log_mel.log_mel``.

        By two frames longer where the library would take the encoder's output for a log-mel, which
        it tells by the middle axis, and encode it once more.
        """
        num_frames = frames_of(context_s)
        if num_frames == 2 * self.about.num_mel_bins:
            num_frames += 2
        return log_mel(waveforms, num_frames, self.about.num_mel_bins)


def load_ctranslate2(
    folder: Path, device: str, precision: str, num_workers: int, scripts: Sequence[str] = ()
) -> Ctranslate2Model:
    """Convert a plain transformers folder and load what comes out.

    Args:
        folder: of the model.
        device: ``cpu`` or ``cuda``.
        precision: of the arithmetic, in CTranslate2's words.
        num_workers: batches that it takes at a time.
        scripts: that it can write; none stands for all.

    Raises:
        InputError: if the folder holds no Whisper model, or none that can be converted.
        RuntimeError: if CTranslate2 lacks what it needs on the device.
    """
    about, tokenizer = read_description(folder), read_tokenizer(folder)
    end, last = about.eos_token_id, about.no_timestamps_token_id
    tokens: Sequence[int] = range(about.vocab_size)
    if scripts:
        tokens = [*tokens_of(scripts, tokenizer, end), *range(end, last + 1)]
    with TemporaryDirectory() as beside:
        converted = Path(beside, "model")
        convert(folder, about, tokenizer, tokens, precision, converted)
        model = ctranslate2.models.Whisper(
            str(converted),
            device=device,
            compute_type=precision,
            inter_threads=num_workers,
            intra_threads=1,
        )
    return Ctranslate2Model(
        model=model,
        tokenizer=tokenizer,
        about=about,
        tokens=tokens,
        # -1 stands for the model's own list.
        suppressed=[-1, *(row for row, token in enumerate(tokens) if token > last)],
    )
