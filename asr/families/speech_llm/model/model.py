"""A model of the three parts, in one folder: encoder, projector and language model."""

from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from asr.core.errors import InputError
from asr.families.speech_llm.model.projector import Projector
from asr.families.speech_llm.tokens import end_tokens, tokens_without_text
from asr.families.speech_llm.tokens.description import (
    ENCODER,
    LANGUAGE_MODEL,
    Joint,
    read_joint,
    write_joint,
)
from asr.networks.transformers_folder import check_finite, load_whole

PROJECTOR = "projector.safetensors"
MODEL_TYPES = ("llama", "qwen2", "qwen3")  # of the language model


class SpeechLlm(nn.Module):
    """The three parts; the encoder never trains, so it stays in evaluation mode.

    Attributes:
        encoder: a ``WhisperEncoder`` of transformers.
        projector: maps its frames to embeddings.
        language_model: a causal language model of transformers, with its head.
        tokenizer: of the language model, as transformers wraps it.
        joint: how the parts are joined.
    """

    def __init__(
        self, encoder: Any, projector: Projector, language_model: Any, tokenizer: Any, joint: Joint
    ) -> None:
        super().__init__()
        self.encoder, self.projector, self.language_model = encoder, projector, language_model
        self.tokenizer, self.joint = tokenizer, joint
        encoder.requires_grad_(False)

    def train(self, mode: bool = True) -> "SpeechLlm":
        """Set the mode of projector and language model."""
        super().train(mode)
        self.encoder.eval()
        return self

    @property
    def words(self) -> Tokenizer:
        """The tokenizer without its transformers wrapper."""
        return self.tokenizer.backend_tokenizer  # type: ignore[no-any-return]

    @cached_property
    def without_text(self) -> list[int]:
        """Ids that are never written; to list them takes a second with Qwen's vocabulary."""
        vocab_size = self.language_model.get_input_embeddings().weight.shape[0]
        return tokens_without_text(self.words, vocab_size)

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return self.projector.linear_in.weight.device

    @property
    def max_positions(self) -> int:
        """Most tokens and embeddings that the language model reads and writes together."""
        return int(self.language_model.config.max_position_embeddings)


def load(folder: Path, device: torch.device, dtype: torch.dtype = torch.float32) -> SpeechLlm:
    """Load a folder of ``save``, in evaluation mode.

    A cast of a loaded model to ``dtype`` would also round its rotary positions.

    Raises:
        InputError: if a part is missing or damaged.
    """
    joint = read_joint(folder)
    encoder = load_whole(WhisperEncoder, folder / ENCODER, ["whisper"], dtype)
    language_model = load_whole(AutoModelForCausalLM, folder / LANGUAGE_MODEL, MODEL_TYPES, dtype)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder / LANGUAGE_MODEL, local_files_only=True)
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError) as error:
        raise InputError(f"{folder}: expected a speech_llm model, got {error}") from error
    widths = encoder.config.d_model, language_model.config.hidden_size
    projector = Projector(widths[0], joint.stack, joint.width, widths[1])
    load_projector(projector, folder)
    model = SpeechLlm(encoder, projector, language_model, tokenizer, joint)
    end_tokens(model.words)
    model.projector.to(dtype)
    model.to(device)
    return model.eval()


def load_projector(projector: Projector, folder: Path) -> None:
    """Fill a projector with the weights in a model folder.

    Raises:
        InputError: if they are missing, damaged or of other sizes.
    """
    path = folder / PROJECTOR
    try:
        projector.load_state_dict(load_file(path))
    except (OSError, RuntimeError, SafetensorError) as error:
        raise InputError(
            f"{path}: expected a projector, got {' '.join(str(error).split())}"
        ) from error


def save(model: SpeechLlm, out: Path) -> None:
    """Write the parts into the folder ``out``; encoder and language model as transformers does.

    Raises:
        InputError: if a weight is not finite; names it.
    """
    check_finite(model, out)
    model.encoder.save_pretrained(out / ENCODER)
    model.language_model.save_pretrained(out / LANGUAGE_MODEL)
    model.tokenizer.save_pretrained(out / LANGUAGE_MODEL)
    save_file(model.projector.state_dict(), out / PROJECTOR)
    write_joint(out, model.joint)
