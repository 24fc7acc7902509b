"""GPU memory that training a Whisper takes, by a formula: no weights are needed to plan a run.

``python -m benchmarks.whisper_memory --size small --precision bf16 --gradient-checkpointing``

tests/test_whisper_memory.py compares it with the tensors of tiny models, counted at each moment of
a step on a CPU. CUDA itself is assumed to take 0.5 GB; the allocator's gaps are left out.
"""

import argparse
import math
from dataclasses import dataclass
from typing import Any, Literal

from transformers import WhisperConfig

SIZES = {  # width, layers of the encoder and of the decoder, attention heads
    "tiny": (384, 4, 6),
    "base": (512, 6, 8),
    "small": (768, 12, 12),
    "medium": (1024, 24, 16),
    "large": (1280, 32, 20),
}
FLOAT, HALF = 4, 2  # bytes
CUDA = 500_000_000  # bytes of its context and libraries, assumed
POSITIONS_PER_S = 50  # of the encoder
PROMPT = 4  # tokens before the text

Tune = Literal["full", "frozen_encoder"]


@dataclass(frozen=True)
class Run:
    """What decides the memory besides the model.

    Attributes:
        tune: ``train.tune``.
        half: whether ``train.precision`` is bf16 or fp16; the weights themselves stay in float32.
        checkpointing: ``train.gradient_checkpointing``.
        freeze_embedding: ``whisper.train.freeze_embedding``.
    """

    tune: Tune
    half: bool
    checkpointing: bool
    freeze_embedding: bool

    @property
    def size(self) -> int:
        """Bytes of a number in a linear layer."""
        return HALF if self.half else FLOAT


@dataclass(frozen=True)
class Shape:
    """The sizes of a batch.

    Attributes:
        num_clips: number of clips.
        num_positions: positions of the encoder for each clip, 50 a second of its context.
        num_tokens: tokens that the decoder reads of each clip, padding included.
        num_targets: transcripts and end tokens of all clips.
    """

    num_clips: int
    num_positions: int
    num_tokens: int
    num_targets: int

    @property
    def heard(self) -> int:
        """Positions of all clips."""
        return self.num_clips * self.num_positions

    @property
    def read(self) -> int:
        """Tokens of all clips that the decoder reads."""
        return self.num_clips * self.num_tokens


def equal_clips(num_clips: int, seconds: float, num_text: int) -> Shape:
    """A batch of clips of ``seconds`` with ``num_text`` tokens each, the end token included."""
    return Shape(
        num_clips,
        math.ceil(seconds * POSITIONS_PER_S),
        PROMPT + num_text - 1,  # the last token of the prompt predicts the first of the text
        num_clips * num_text,
    )


def num_weights(config: Any) -> dict[str, int]:
    """Number of weights of each part; the projection on the vocabulary is the embedding."""
    d, encoder, decoder = config.d_model, config.encoder_layers, config.decoder_layers
    norms = encoder * 2 * 2 * d + 2 * d, decoder * 3 * 2 * d + 2 * d
    return {
        "encoder.conv": 3 * d * (config.num_mel_bins + d) + 2 * d,
        "encoder.layers": encoder * (_attention(d) + _feed_forward(d)),
        "encoder.norms": norms[0],
        "encoder.positions": config.max_source_positions * d,
        "decoder.layers": decoder * (2 * _attention(d) + _feed_forward(d)),
        "decoder.norms": norms[1],
        "decoder.positions": config.max_target_positions * d,
        "embedding": config.vocab_size * d,
    }


def num_trained(config: Any, run: Run) -> int:
    """Number of weights that learn."""
    return sum(num_weights(config)[part] for part in _trained_parts(run))


def memory(config: Any, run: Run, shape: Shape) -> dict[str, int]:
    """Bytes of each kind at the fullest moment of a step.

    Args:
        config: a ``WhisperConfig`` without dropout, as all published ones.
        run: how it trains.
        shape: the largest batch.
    """
    trained = num_trained(config, run) * FLOAT
    return {
        "weights": sum(num_weights(config).values()) * FLOAT,
        "gradients": trained,  # of the step's batches before
        "moments": 2 * trained,
        "average": trained,
        "activations": activations(config, run, shape),
        "at_a_time": at_a_time(config, run, shape),
    }


def activations(config: Any, run: Run, shape: Shape) -> int:
    """Bytes that the forward pass keeps for the backward pass."""
    d, vocab, size = config.d_model, config.vocab_size, run.size
    hears = run.tune == "full"  # whether the encoder keeps anything
    log_probs = shape.num_targets * vocab * FLOAT
    kept = log_probs + shape.num_targets * 8 + shape.read  # tokens, and where they are
    if not run.freeze_embedding:
        kept += shape.num_targets * d * size
    kept += shape.read * (d + 2) * FLOAT  # last norm of the decoder
    kept += shape.heard * d * FLOAT * (not run.half or run.checkpointing)  # encoder's output
    if run.half:
        kept += vocab * d * HALF  # a copy of the projection
    if hears:
        frames = 2 * shape.heard
        kept += (frames * (2 * d) + shape.heard * d) * size + shape.heard * (d + 2) * FLOAT
        if run.half:
            kept += frames * config.num_mel_bins * HALF + 3 * d * (config.num_mel_bins + d) * HALF
    if run.checkpointing:  # the input of each layer
        encoder = config.encoder_layers * shape.heard * hears
        return int(kept + (encoder + config.decoder_layers * shape.read) * d * FLOAT)
    encoder, decoder = layer_bytes(config, run, shape)
    return int(kept + config.encoder_layers * encoder * hears + config.decoder_layers * decoder)


def at_a_time(config: Any, run: Run, shape: Shape) -> int:
    """Bytes beside ``activations`` at the fullest moment: in the loss, or in a layer backward."""
    d, logits = config.d_model, shape.num_targets * config.vocab_size
    loss = 2 * logits * FLOAT  # gradients of log-probabilities and of logits
    if run.half:
        # At the end of the forward pass: logits in both precisions, and autocast's copies of all
        # weights that learn, which it makes once a batch.
        counts, linear = num_weights(config), ("encoder.conv", "encoder.layers", "decoder.layers")
        copies = sum(counts[part] for part in _trained_parts(run) if part in linear)
        kept = 0 if run.checkpointing else _kept_copies(config, run)
        loss = max(loss, logits * (HALF + FLOAT) + copies * HALF - kept)
    layers = list(zip(layer_bytes(config, run, shape), (shape.heard, shape.read), strict=True))
    if run.tune != "full":
        layers = layers[1:]
    # Gradients of the stream and of the feed-forward's inner width. The log-probabilities are gone.
    backward = max(
        computed * run.checkpointing + length * d * (FLOAT + 4 * run.size)
        for computed, length in layers
    )
    return int(max(loss, backward - logits * FLOAT))


def layer_bytes(config: Any, run: Run, shape: Shape) -> tuple[int, int]:
    """Bytes that one layer keeps, of the encoder and of the decoder."""
    d, size = config.d_model, run.size
    norm = (d + 2) * FLOAT  # its input, mean and deviation
    # What query, key and value read: autocast makes a copy for each, in float32 they share it.
    read = 3 if run.half else 1
    # Query, key, value, and the output twice, since a CPU orders it anew.
    self_attention = norm + (read + 5) * d * size
    cross_attention = norm + 4 * d * size  # query and what it reads, the output
    feed_forward = norm + 9 * d * size
    encoder = self_attention + feed_forward + config.encoder_attention_heads * FLOAT
    decoder = self_attention + cross_attention + feed_forward
    decoder += 2 * config.decoder_attention_heads * FLOAT
    heard = (2 + 2 * run.half) * d * size  # keys and values; the copies that they read
    copies = _copies_of_layers(config, run)
    return (
        shape.heard * encoder + copies[0],
        shape.read * decoder + shape.heard * heard + copies[1],
    )


def _copies_of_layers(config: Any, run: Run) -> tuple[int, int]:
    """Bytes of the copies of a layer's matrices that its backward pass reads."""
    if not run.half:
        return 0, 0
    d = config.d_model
    # Keys and values of a frozen encoder pass no gradient on.
    read = 16 if run.tune == "full" else 14
    return 12 * d * d * HALF, read * d * d * HALF


def _kept_copies(config: Any, run: Run) -> int:
    encoder, decoder = _copies_of_layers(config, run)
    hears = run.tune == "full"
    return int(config.encoder_layers * encoder * hears + config.decoder_layers * decoder)


def _trained_parts(run: Run) -> list[str]:
    parts = ["decoder.layers", "decoder.norms", "decoder.positions"]
    if run.tune == "full":
        parts += ["encoder.conv", "encoder.layers", "encoder.norms"]
    return parts if run.freeze_embedding else [*parts, "embedding"]


def _attention(d: int) -> int:
    return 4 * d * d + 3 * d  # keys have no bias


def _feed_forward(d: int) -> int:
    return 8 * d * d + 5 * d


def config_of(size: str) -> WhisperConfig:
    """Sizes of a published model."""
    d, layers, heads = SIZES[size]
    return WhisperConfig(
        d_model=d,
        encoder_layers=layers,
        decoder_layers=layers,
        encoder_attention_heads=heads,
        decoder_attention_heads=heads,
        encoder_ffn_dim=4 * d,
        decoder_ffn_dim=4 * d,
        num_mel_bins=128 if size == "large" else 80,
    )


def main() -> None:
    """Print a table of GB by seconds of a clip."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--tune", choices=("full", "frozen_encoder"), default="full")
    parser.add_argument("--precision", choices=("fp32", "bf16", "fp16"), default="bf16")
    parser.add_argument("--gradient-checkpointing", action="store_true")
    parser.add_argument("--learn-embedding", action="store_true")
    parser.add_argument("--clips", type=int, default=12, help="clips of a batch")
    parser.add_argument("--tokens-per-second", type=float, default=4.0)
    options = parser.parse_args()
    config = config_of(options.size)
    run = Run(
        options.tune,
        options.precision != "fp32",
        options.gradient_checkpointing,
        not options.learn_embedding,
    )
    print("clip_s  weights  gradients+moments+average  activations  at_a_time  all + CUDA, GB")
    for seconds in (2, 5, 10, 20, 30):
        num_text = math.ceil(seconds * options.tokens_per_second) + 1
        shape = equal_clips(options.clips, seconds, num_text)
        gb = {name: size / 1e9 for name, size in memory(config, run, shape).items()}
        learning = gb["gradients"] + gb["moments"] + gb["average"]
        print(
            f"{seconds:6}  {gb['weights']:7.2f}  {learning:25.2f}  {gb['activations']:11.2f}  "
            f"{gb['at_a_time']:9.2f}  {sum(gb.values()) + CUDA / 1e9:14.2f}"
        )


if __name__ == "__main__":
    main()
