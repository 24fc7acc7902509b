"""ONNX files of encoder and decoder, with the names that optimum gives them."""

import shutil
from pathlib import Path
from typing import Any

import torch
from torch import nn

from asr.export.formats import Source
from asr.families.whisper.model.model import load

# As many of each dynamic size, other than 0 and 1, which torch would take for constants.
NUM_CLIPS, NUM_TOKENS = 2, 5
ALSO = (
    "config.json", "generation_config.json", "preprocessor_config.json", "processor_config.json",
    "tokenizer.json", "tokenizer_config.json",
)  # fmt: skip


class _Encoder(nn.Module):
    def __init__(self, network: Any) -> None:
        super().__init__()
        self.encoder = network.model.encoder

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        return self.encoder(mel).last_hidden_state  # type: ignore[no-any-return]


class _Decoder(nn.Module):
    def __init__(self, network: Any) -> None:
        super().__init__()
        self.decoder, self.projection = network.model.decoder, network.proj_out

    def forward(self, tokens: torch.Tensor, encoded: torch.Tensor) -> torch.Tensor:
        decoded = self.decoder(input_ids=tokens, encoder_hidden_states=encoded, use_cache=False)
        return self.projection(decoded.last_hidden_state)  # type: ignore[no-any-return]


@torch.no_grad()
def write_onnx(source: Source, out: Path) -> None:
    """Write ``encoder_model.onnx`` and ``decoder_model.onnx``, and the folder's other files.

    transformers' own ``exporters.OnnxExporter`` fixes all sizes; torch's exporter, which it calls,
    has dynamic ones. The decoder has no cache: a text of n tokens is decoded in n runs over it.
    """
    network: Any = load(source.model, torch.device("cpu")).network
    network.set_attn_implementation("eager")
    config = network.config
    mel = torch.zeros(NUM_CLIPS, config.num_mel_bins, 2 * config.max_source_positions)
    tokens = torch.zeros(NUM_CLIPS, NUM_TOKENS, dtype=torch.long)
    encoded = torch.zeros(NUM_CLIPS, config.max_source_positions, config.d_model)
    batch = torch.export.Dim("batch_size")
    length = torch.export.Dim("num_tokens", max=config.max_target_positions)
    _export(
        _Encoder(network), (mel,), ["input_features"], "last_hidden_state", ({0: batch},),
        out / "encoder_model.onnx",
    )  # fmt: skip
    _export(
        _Decoder(network), (tokens, encoded), ["input_ids", "encoder_hidden_states"], "logits",
        ({0: batch, 1: length}, {0: batch}), out / "decoder_model.onnx",
    )  # fmt: skip
    for name in ALSO:
        shutil.copyfile(source.model / name, out / name)


def _export(
    network: nn.Module,
    inputs: tuple[torch.Tensor, ...],
    names: list[str],
    output: str,
    sizes: tuple[dict[int, Any], ...],
    path: Path,
) -> None:
    program: Any = torch.onnx.export(
        network.eval(), inputs, input_names=names, output_names=[output],
        dynamic_shapes=sizes, dynamo=True, verbose=False,
    )  # fmt: skip
    program.save(path, external_data=False)
