"""Load a transformers folder into CTranslate2, with tokenizer and token tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import ctranslate2
from tokenizers import Tokenizer

from asr.families.whisper.runtime.scripts import tokens_of_scripts
from asr.families.whisper.runtime.to_ctranslate2 import convert
from asr.families.whisper.tokens import tokens_without_text
from asr.families.whisper.tokens.description import Description, read_description, read_tokenizer
from asr.features.log_mel import LogMel, frames_of, log_mel
from asr.utterances.waveform import Waveform


@dataclass(frozen=True)
class Ctranslate2Model:
    """A Whisper in CTranslate2.

    Attributes:
        model: the converted model; on the CPU each of its workers uses one core.
        tokenizer: the tokenizer of the folder.
        config: the configs of the folder.
        tokens: token id of the tokenizer, by row of the model's vocabulary: all tokens, or those
            of some scripts.
        suppressed: rows that decoding must not choose: the model's own list, and tokens without
            text, such as timestamps, which CTranslate2 does not suppress by itself.
    """

    model: ctranslate2.models.Whisper
    tokenizer: Tokenizer
    config: Description
    tokens: Sequence[int]
    suppressed: list[int]

    def log_mel(self, waveforms: Sequence[Waveform], context_s: float) -> LogMel:
        """Log-mel of a batch of clips; see ``asr.features.log_mel.log_mel``.

        CTranslate2 recognises a log-mel by its middle axis. Encoder output with as many positions
        as there are mel bins would be encoded again, so such a log-mel gets two more frames.
        """
        num_frames = frames_of(context_s)
        if num_frames == 2 * self.config.num_mel_bins:
            num_frames += 2
        return log_mel(waveforms, num_frames, self.config.num_mel_bins)


def load_ctranslate2(
    folder: Path, device: str, precision: str, num_workers: int, scripts: Sequence[str] = ()
) -> Ctranslate2Model:
    """Convert a transformers folder and load the result.

    Args:
        folder: the model.
        device: ``cpu`` or ``cuda``.
        precision: CTranslate2's ``compute_type``.
        num_workers: number of batches that it computes in parallel.
        scripts: scripts that it can write; empty for all.

    Raises:
        InputError: if the folder holds no Whisper model, or one that can't be converted.
        RuntimeError: if CTranslate2 lacks a library for the device.
    """
    config, tokenizer = read_description(folder), read_tokenizer(folder)
    end, last = config.eos_token_id, config.no_timestamps_token_id
    tokens: Sequence[int] = range(config.vocab_size)
    if scripts:
        own = tokens_of_scripts(scripts, tokenizer, end, last)
        tokens = sorted({*own, *range(end, last + 1)})
    with TemporaryDirectory() as scratch:
        converted = Path(scratch, "model")
        convert(folder, config, tokenizer, tokens, precision, converted)
        model = ctranslate2.models.Whisper(
            str(converted),
            device=device,
            compute_type=precision,
            inter_threads=num_workers,
            intra_threads=1,
        )
    without_text = set(tokens_without_text(tokenizer, last, config.vocab_size))
    return Ctranslate2Model(
        model=model,
        tokenizer=tokenizer,
        config=config,
        tokens=tokens,
        # -1 stands for the model's own list.
        suppressed=[-1, *(row for row, token in enumerate(tokens) if token in without_text)],
    )
