"""A frozen encoder, a projector, and a language model that reads speech as embeddings.

Whisper's encoder hears; its frames are stacked by five and projected to the width of the language
model's embeddings; the language model, such as SmolLM2 or Qwen, writes the transcript. As in
SLAM-ASR (Ma et al., 2024), training the projector alone is enough in principle; an adapter in the
language model helps where it does not know the language.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # mypy checks every role against its protocol
    from asr.families import protocols
    from asr.families.speech_llm import alignment, base, decoding, export, tokens, training, window

    _window: protocols.WindowRole = window
    _tokens: protocols.TokensRole = tokens
    _base: protocols.BaseRole = base
    _training: protocols.TrainingRole = training
    _decoding: protocols.DecodingRole = decoding
    _alignment: protocols.AlignmentRole = alignment
    _export: protocols.ExportRole = export
