"""Networks of random weights, to try each kind without a download."""

from pathlib import Path
from typing import Any

import torch
from pydantic import Field, ValidationInfo, field_validator
from transformers import (
    HubertConfig,
    ParakeetCTCConfig,
    ParakeetEncoderConfig,
    ParakeetFeatureExtractor,
    SeamlessM4TFeatureExtractor,
    Wav2Vec2BertConfig,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    WhisperConfig,
)
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from asr.core.schema import Schema
from asr.families.ctc.model.model import CLASSES, WhisperCtc
from asr.families.ctc.tokens.description import WHISPER, Kind
from asr.families.ctc.tokens.vocabulary import SPECIAL
from asr.sources.weights import read_random


class RandomCtc(Schema):
    """``config`` of random weights. Feed-forward layers are 4 x ``width`` wide."""

    kind: Kind
    width: int = Field(ge=16, le=4096, multiple_of=16)
    layers: int = Field(ge=1, le=64)
    num_heads: int = Field(ge=1, le=64)

    @field_validator("num_heads")
    @classmethod
    def _divide_the_width(cls, num_heads: int, info: ValidationInfo) -> int:
        if (width := info.data.get("width", 0)) % num_heads:
            raise ValueError(f"expected a divisor of width {width}, got {num_heads}")
        return num_heads


def random_network(path: Path) -> tuple[Kind, Any, Any]:
    """Kind, network and feature extractor for the sizes in ``random.json``.

    Without dropout and masks of their own, which a model this small would not survive.
    """
    sizes, seed = read_random(path, RandomCtc, "weights")
    torch.manual_seed(seed)
    if sizes.kind == WHISPER:
        encoder = WhisperEncoder(
            WhisperConfig(
                d_model=sizes.width,
                encoder_layers=sizes.layers,
                encoder_attention_heads=sizes.num_heads,
                encoder_ffn_dim=4 * sizes.width,
                dtype="float32",
            )
        )
        for convolution in (encoder.conv1, encoder.conv2):
            # With transformers' 0.02 the audio is 1 % of the output, and positions are the rest.
            torch.nn.init.kaiming_normal_(convolution.weight)
        return sizes.kind, WhisperCtc(encoder, len(SPECIAL)), None
    common: dict[str, Any] = {
        "hidden_size": sizes.width,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": sizes.num_heads,
        "intermediate_size": 4 * sizes.width,
        "layerdrop": 0.0,
        "attention_dropout": 0.0,
        "activation_dropout": 0.0,
    }
    if sizes.kind == "parakeet_ctc":
        encoder_config = ParakeetEncoderConfig(
            **common, dropout=0.0, subsampling_conv_channels=sizes.width
        )
        config: Any = ParakeetCTCConfig(
            encoder_config=encoder_config, vocab_size=len(SPECIAL), pad_token_id=0, dtype="float32"
        )
        return sizes.kind, CLASSES[sizes.kind](config), ParakeetFeatureExtractor()  # type: ignore[no-untyped-call]
    common |= {"vocab_size": len(SPECIAL), "mask_time_prob": 0.0, "mask_feature_prob": 0.0,
               "hidden_dropout": 0.0, "feat_proj_dropout": 0.0, "final_dropout": 0.0,
               "pad_token_id": 0, "bos_token_id": None, "eos_token_id": None,
               "dtype": "float32"}  # fmt: skip
    if sizes.kind == "wav2vec2-bert":
        config = Wav2Vec2BertConfig(**common, conformer_conv_dropout=0.0)
        return sizes.kind, CLASSES[sizes.kind](config), SeamlessM4TFeatureExtractor()  # type: ignore[no-untyped-call]
    # wav2vec2 as the large models are, whose norms are of layers; HuBERT as the base model is.
    stable = sizes.kind == "wav2vec2"
    config = (Wav2Vec2Config if stable else HubertConfig)(
        **common,
        conv_dim=[sizes.width] * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
        feat_extract_norm="layer" if stable else "group",
        do_stable_layer_norm=stable,
        conv_bias=stable,
    )
    extractor = Wav2Vec2FeatureExtractor(return_attention_mask=stable)  # type: ignore[no-untyped-call]
    return sizes.kind, CLASSES[sizes.kind](config), extractor
