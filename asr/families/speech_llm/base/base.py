"""Join a pretrained encoder and a pretrained language model by a projector."""

from collections.abc import Mapping
from pathlib import Path

from transformers.utils import logging

from asr.core.errors import InputError
from asr.families.speech_llm.base.encoder import read_encoder
from asr.families.speech_llm.base.language_model import read_language_model
from asr.families.speech_llm.base.params import Block
from asr.families.speech_llm.model.model import SpeechLlm, load_projector, save
from asr.families.speech_llm.model.projector import new_projector
from asr.families.speech_llm.tokens import SpeechLlmTokens
from asr.families.speech_llm.tokens.description import MAX_ENCODER_POSITIONS, Joint, read_joint

LONGEST_S = MAX_ENCODER_POSITIONS / 50  # the window of the encoder


def write_base(block: Block, weights: Mapping[str, Path], out: Path) -> None:
    """Write the joined model into the empty folder ``out``; same weights, same bytes.

    Raises:
        InputError: if a folder of ``weights`` holds another model, or only part of one.
    """
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    encoder = read_encoder(weights["encoder"])
    language_model, tokenizer = read_language_model(weights["language_model"])
    embeddings = language_model.get_input_embeddings().weight.detach()
    width = encoder.config.d_model
    joint = Joint(stack=block.stack, width=block.width, margin_s=block.margin_s)
    projector = new_projector(width, block.stack, block.width, embeddings, block.seed)
    if "projector" in weights:
        learned = weights["projector"]
        if (got := read_joint(learned)) != joint:
            raise InputError(f"{learned}: expected {joint} as in the block, got {got}")
        load_projector(projector, learned)
    model = SpeechLlm(encoder, projector, language_model, tokenizer, joint)
    tokens = SpeechLlmTokens(model.words, joint, model.max_positions)
    if tokens.max_labels(LONGEST_S) < 1:
        raise InputError(
            f"{weights['language_model']}: max_position_embeddings: expected room for a prompt and "
            f"a clip of {LONGEST_S:g} s, got {model.max_positions}"
        )
    save(model, out)
