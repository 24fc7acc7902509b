"""Transcribe with transformers' own processor and ``generate``."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoProcessor, Qwen3ASRForConditionalGeneration

from asr.export.formats import Reader
from asr.utterances.language import language_name
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import Waveform


def open_in_transformers(folder: Path, num_threads: int) -> Reader:
    """Load a folder; the prompt names the language as the processor does for its 30 languages."""
    torch.set_num_threads(num_threads)
    processor: Any = AutoProcessor.from_pretrained(folder)  # type: ignore[no-untyped-call]
    network: Any = Qwen3ASRForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)

    def read(waveform: Waveform, utterance: Utterance, budget: int) -> str:
        assistant = f"language {language_name(utterance.language)}<asr_text>"
        messages = [
            {"role": "user", "content": [{"type": "audio", "audio": waveform}]},
            {"role": "assistant", "content": [{"type": "text", "text": assistant}]},
        ]
        inputs = processor.apply_chat_template(
            [messages], tokenize=True, return_dict=True, continue_final_message=True
        )
        tokens = network.generate(
            **inputs, max_new_tokens=budget, do_sample=False, num_beams=1
        )[0, inputs["input_ids"].shape[1] :]  # fmt: skip
        text: str = processor.decode(tokens, skip_special_tokens=True)
        return text

    return read
