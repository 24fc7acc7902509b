"""How many log-mel frames a clip has, and how many tokens the language model reads of them."""

from asr.utterances.waveform import SAMPLE_RATE

MIN_SAMPLES = SAMPLE_RATE // 2  # QwenLM's own package pads shorter clips with silence
HOP = 160  # samples a log-mel frame
CHUNK_FRAMES = 100  # one second
TOKENS_PER_CHUNK = 13


def num_frames(num_samples: int) -> int:
    """Number of log-mel frames of a clip, whatever clips are beside it in a batch.

    QwenLM's feature extractor counts one more frame if a longer clip is in the batch, and so may
    make one more token.
    """
    return max(num_samples, MIN_SAMPLES) // HOP


def num_audio_tokens(num_frames: int) -> int:
    """Number of tokens that the language model reads for so many frames."""
    chunks, rest = divmod(num_frames, CHUNK_FRAMES)
    for _ in range(3):  # convolutions of stride 2, which round up
        rest = (rest + 1) // 2
    return chunks * TOKENS_PER_CHUNK + rest
