"""GPU memory that training a Qwen3-ASR takes, by a formula: no weights are needed to plan a run.

``python -m benchmarks.qwen3_asr_memory --size 1.7b --tune lora --precision bf16``

tests/test_qwen3_asr_memory.py compares it with the tensors of tiny models, counted. What the
formula leaves out: gradients of activations, the allocator's gaps and CUDA itself, some GB.
"""

import argparse
import math
from dataclasses import dataclass
from typing import Any, Literal

from transformers import Qwen3ASRConfig

from asr.families.qwen3_asr.tokens.audio import CHUNK_FRAMES, TOKENS_PER_CHUNK

SIZES = {  # config.json of both models on the hub
    "0.6b": {
        "audio_config": {"d_model": 896, "encoder_layers": 18, "encoder_attention_heads": 14,
                         "encoder_ffn_dim": 3584, "output_dim": 1024},
        "text_config": {"hidden_size": 1024, "intermediate_size": 3072},
    },
    "1.7b": {
        "audio_config": {"d_model": 1024, "encoder_layers": 24, "encoder_attention_heads": 16,
                         "encoder_ffn_dim": 4096, "output_dim": 2048},
        "text_config": {"hidden_size": 2048, "intermediate_size": 6144},
    },
}  # fmt: skip
TEXT = {"model_type": "qwen3", "vocab_size": 151936, "num_hidden_layers": 28,
        "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128}  # fmt: skip
PROMPT = 20  # tokens of the prompt besides the audio
FLOAT, HALF = 4, 2  # bytes

Tune = Literal["full", "lora"]


@dataclass(frozen=True)
class Run:
    """What decides the memory besides the model.

    Attributes:
        tune: ``train.tune``.
        rank: ``train.lora.rank``.
        bf16: whether ``train.precision`` is bf16; the weights themselves stay in float32.
        checkpointing: ``train.gradient_checkpointing``.
    """

    tune: Tune
    rank: int
    bf16: bool
    checkpointing: bool


@dataclass(frozen=True)
class Shape:
    """The sizes of a batch.

    Attributes:
        num_chunks: whole seconds of all clips, padding included.
        num_audio: audio tokens of all clips.
        num_places: the same, with each window padded to the longest.
        num_tokens: tokens of all clips in the language model, padding included.
        longest: tokens of the longest.
        num_targets: transcripts and end tokens.
    """

    num_chunks: int
    num_audio: int
    num_places: int
    num_tokens: int
    longest: int
    num_targets: int


def equal_clips(num_clips: int, seconds: int, num_text: int) -> Shape:
    """A batch of clips of ``seconds`` with ``num_text`` tokens each, the end token included."""
    longest = PROMPT + seconds * TOKENS_PER_CHUNK + num_text
    num_audio = num_clips * seconds * TOKENS_PER_CHUNK
    window = min(seconds, 8)
    num_windows = num_clips * math.ceil(seconds / 8)
    return Shape(
        num_chunks=num_clips * seconds,
        num_audio=num_audio,
        num_places=num_windows * window * TOKENS_PER_CHUNK,
        num_tokens=num_clips * longest,
        longest=longest,
        num_targets=num_clips * num_text,
    )


def num_weights(config: Any) -> dict[str, int]:
    """Number of weights of each part; the head is the embedding."""
    audio, text = config.audio_config, config.text_config
    d, f, c = audio.d_model, audio.encoder_ffn_dim, audio.downsample_hidden_size
    h = text.hidden_size
    layer = 4 * (d * d + d) + (d * f + f) + (f * d + d) + 4 * d
    conv = (9 * c + c) + 2 * (9 * c * c + c) + c * _rows(audio.num_mel_bins) * d
    return {
        "audio_tower": audio.encoder_layers * layer + conv + 2 * d,
        "projector": d * d + d + d * h + h,
        "linear": text.num_hidden_layers * sum(a * b for a, b in _linear_layers(text)),
        "norms": text.num_hidden_layers * (2 * h + 2 * text.head_dim) + h,
        "embedding": text.vocab_size * h,
    }


def num_trained(config: Any, run: Run) -> int:
    """Number of weights that learn."""
    if run.tune == "full":
        return sum(num_weights(config).values())
    text = config.text_config
    return int(text.num_hidden_layers * sum(run.rank * (a + b) for a, b in _linear_layers(text)))


def memory(config: Any, run: Run, shape: Shape) -> dict[str, int]:
    """Bytes of each kind, in the middle of a step.

    Args:
        config: a ``Qwen3ASRConfig``.
        run: how it trains.
        shape: the largest batch.
    """
    adapter = num_trained(config, run) if run.tune == "lora" else 0
    trained = num_trained(config, run) * FLOAT
    return {
        "weights": (sum(num_weights(config).values()) + adapter) * FLOAT,
        "gradients": trained,
        "moments": 2 * trained,
        "average": trained,
        "activations": activations(config, run, shape)
        # The backward pass computes one layer again at a time.
        + (layer_bytes(config, run, shape) if run.checkpointing else 0),
    }


def activations(config: Any, run: Run, shape: Shape) -> int:
    """Bytes that the forward pass keeps for the backward pass."""
    text, size = config.text_config, HALF if run.bf16 else FLOAT
    stream = shape.num_tokens * text.hidden_size * FLOAT
    kept = shape.num_targets * text.vocab_size * FLOAT  # after the softmax
    # The final norm, and the angles of the rotary positions.
    kept += stream + shape.num_tokens * FLOAT + 2 * shape.longest * text.head_dim * FLOAT
    if run.bf16:
        kept += text.vocab_size * text.hidden_size * HALF  # a copy of the head
    if run.tune == "full":
        kept += stream + shape.num_targets * text.hidden_size * size
        kept += _audio_bytes(config, run, shape)
    if run.checkpointing:
        return int(kept + text.num_hidden_layers * stream)  # the input of each layer
    kept += text.num_hidden_layers * layer_bytes(config, run, shape)
    if run.tune == "lora":
        # Nothing before the first layer learns: its first norm and projections keep no input.
        kept -= stream + shape.num_tokens * FLOAT
        if run.bf16:
            kept -= sum(a * b for a, b in _linear_layers(text)[:3]) * HALF
    return int(kept)


def layer_bytes(config: Any, run: Run, shape: Shape) -> int:
    """Bytes that a layer of the language model keeps."""
    text = config.text_config
    kept = shape.num_tokens * _token_bytes(text, run)
    if run.bf16:  # a copy of each weight
        kept += sum(a * b for a, b in _linear_layers(text)) * HALF
        if run.tune == "lora":
            kept += sum(run.rank * (a + b) for a, b in _linear_layers(text)) * HALF
    return kept


def _token_bytes(text: Any, run: Run) -> int:
    """Bytes for each token that a layer of the language model keeps."""
    h, i = text.hidden_size, text.intermediate_size
    q, k = (n * text.head_dim for n in (text.num_attention_heads, text.num_key_value_heads))
    size = HALF if run.bf16 else FLOAT
    # Inputs of both norms and of those of query and key, and one number for each norm and softmax.
    norms = (2 * h + q + k + 2 + 2 * text.num_attention_heads + text.num_key_value_heads) * FLOAT
    attention = (2 * q + 2 * k) * size  # query, key, value, output
    feed_forward = 4 * i * size
    # What the linear layers read: autocast makes a copy for each, in float32 they share it.
    inputs = (5 if run.bf16 else 2) * h * size
    kept = norms + attention + feed_forward + inputs
    if run.tune == "full":
        # Normalized, for the gains of the norms.
        return int(kept + 2 * h * FLOAT + (q + k) * size)
    own_copy = q * size if run.bf16 else 0  # the adapter of the output reads a copy
    return int(kept + own_copy + 7 * run.rank * size)


def _audio_bytes(config: Any, run: Run, shape: Shape) -> int:
    """Bytes that audio tower and projector keep if they learn, and the weights' copies in bf16."""
    audio, size = config.audio_config, HALF if run.bf16 else FLOAT
    d, f, c = audio.d_model, audio.encoder_ffn_dim, audio.downsample_hidden_size
    mels, frames, conv = audio.num_mel_bins, CHUNK_FRAMES, audio.num_mel_bins * CHUNK_FRAMES
    for _ in range(3):  # each convolution's output, before and after its GELU
        mels, frames = (mels + 1) // 2, (frames + 1) // 2
        conv += 2 * c * mels * frames
    layer = shape.num_audio * ((5 * d + 2 * f) * size + 4 * FLOAT) + shape.num_places * (
        4 * d * size + audio.encoder_attention_heads * FLOAT
    )
    if run.checkpointing:
        layers = audio.encoder_layers * shape.num_audio * d * size
    else:
        layers = audio.encoder_layers * layer
    after = shape.num_audio * (4 * d * size + 2 * FLOAT)  # last norm, projector
    copies = 0
    if run.bf16:
        counts = num_weights(config)
        copies = (counts["audio_tower"] + counts["projector"]) * HALF
    audio_embeddings = shape.num_audio * config.text_config.hidden_size * FLOAT
    return int(shape.num_chunks * conv * size + layers + after + audio_embeddings + copies)


def _linear_layers(text: Any) -> list[tuple[int, int]]:
    """Input and output widths of a layer's projections; query, key and value are first."""
    h, i = text.hidden_size, text.intermediate_size
    q, k = (n * text.head_dim for n in (text.num_attention_heads, text.num_key_value_heads))
    return [(h, q), (h, k), (h, k), (q, h), (h, i), (h, i), (i, h)]


def _rows(num_mels: int) -> int:
    for _ in range(3):
        num_mels = (num_mels + 1) // 2
    return num_mels


def main() -> None:
    """Print a table of GB by seconds of a batch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="1.7b")
    parser.add_argument("--tune", choices=("full", "lora"), default="lora")
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="bf16")
    parser.add_argument("--gradient-checkpointing", action="store_true")
    parser.add_argument("--clip-seconds", type=int, default=6)
    parser.add_argument("--tokens-per-second", type=float, default=4.0)
    options = parser.parse_args()
    sizes = SIZES[options.size]
    config = Qwen3ASRConfig(
        audio_config=sizes["audio_config"], text_config=TEXT | sizes["text_config"]
    )
    run = Run(
        options.tune, options.rank, options.precision == "bf16", options.gradient_checkpointing
    )
    num_text = math.ceil(options.clip_seconds * options.tokens_per_second) + 1
    print("batch_seconds  weights  gradients+moments+average  activations  all, GB")
    for seconds in (30, 60, 120, 240, 480):
        num_clips = max(1, seconds // options.clip_seconds)
        shape = equal_clips(num_clips, options.clip_seconds, num_text)
        gb = {name: size / 1e9 for name, size in memory(config, run, shape).items()}
        learning = gb["gradients"] + gb["moments"] + gb["average"]
        print(
            f"{num_clips * options.clip_seconds:13}  {gb['weights']:7.1f}  {learning:25.1f}  "
            f"{gb['activations']:11.1f}  {sum(gb.values()):3.1f}"
        )


if __name__ == "__main__":
    main()
