"""What an encoder reads of a batch of clips; a clip gives the same alone and beside others."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from asr.families.ctc.model.batch import Inputs, Masks
from asr.families.ctc.tokens.description import OF_WAVEFORMS, WHISPER, Description
from asr.families.ctc.window import computed_s
from asr.features.log_mel import FRAMES_PER_S, frames_of, log_mel
from asr.utterances.waveform import SAMPLE_RATE, Waveform

# The masks of a clip, from its index in the batch and its number of frames.
MaskOf = Callable[[int, int], Masks]


def inputs_of(
    description: Description,
    extractor: Any,
    num_mels: int,
    waveforms: Sequence[Waveform],
    mask_of: MaskOf | None = None,
) -> Inputs:
    """Build the inputs of clips, each as if it were alone.

    transformers' extractors make the same of a clip alone; of a batch they don't always.

    Args:
        description: of the model.
        extractor: transformers' feature extractor; None with Whisper's encoder.
        num_mels: bins of Whisper's log-mel.
        waveforms: float32, mono, 16 kHz.
        mask_of: SpecAugment; None for none.
    """
    if description.kind == WHISPER:
        return _log_mels(description, num_mels, waveforms, mask_of)
    frames = tuple(description.num_frames(len(waveform)) for waveform in waveforms)
    if description.kind in OF_WAVEFORMS:
        rows = [torch.from_numpy(_extracted(extractor, one, "input_values")) for one in waveforms]
        masks = tuple(mask_of(i, n) for i, n in enumerate(frames)) if mask_of else ()
        return Inputs(_padded(rows), tuple(map(len, rows)), frames, masks)
    rows = []
    for index, waveform in enumerate(waveforms):
        row = torch.from_numpy(_extracted(extractor, waveform, "input_features"))
        if mask_of is not None:
            row = masked(row, mask_of(index, len(waveform) * FRAMES_PER_S // SAMPLE_RATE))
        rows.append(row)
    return Inputs(_padded(rows), tuple(map(len, rows)), frames)


def _log_mels(
    description: Description,
    num_mels: int,
    waveforms: Sequence[Waveform],
    mask_of: MaskOf | None,
) -> Inputs:
    # Rounded as in the manifests, so that training and decoding compute the same.
    contexts = [
        frames_of(computed_s(round(len(one) / SAMPLE_RATE, 4), description.margin_s))
        for one in waveforms
    ]
    features = torch.zeros(len(waveforms), num_mels, max(contexts))
    for index, (waveform, frames) in enumerate(zip(waveforms, contexts, strict=True)):
        mel = torch.from_numpy(log_mel([waveform], frames, num_mels)[0])
        if mask_of is not None:
            masks = mask_of(index, len(waveform) * FRAMES_PER_S // SAMPLE_RATE)
            mel = masked(mel.T, masks, float(mel.min())).T  # the lowest value is silence
        features[index, :, :frames] = mel
    positions = tuple(frames // 2 for frames in contexts)
    return Inputs(features, positions, positions)


def masked(features: torch.Tensor, masks: Masks, value: float = 0.0) -> torch.Tensor:
    """Mask features of shape (num_frames, num_bins), which may stack several frames in a row."""
    bins = features.shape[1]
    stack = max(1, bins // 80) if bins % 80 == 0 else 1
    rows = features.reshape(-1, bins // stack).clone()
    frames = masks.frames[: len(rows)].nonzero().squeeze(1)
    rows[frames] = value
    bands = torch.arange(rows.shape[1]) * len(masks.bands) // rows.shape[1]
    rows[:, masks.bands[bands]] = value
    return rows.reshape(features.shape)


def _extracted(extractor: Any, waveform: Waveform, name: str) -> Any:
    """Features of one clip in NumPy, without frames that the extractor itself masks."""
    found = extractor(waveform, sampling_rate=SAMPLE_RATE, return_tensors="np")
    row = found[name][0]
    if name == "input_features":
        row = row[: int(found["attention_mask"][0].sum())]
    return row.astype("float32")


def _padded(rows: Sequence[torch.Tensor]) -> torch.Tensor:
    return torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True)
