"""Export role: no other tool has the projector, so the model's own folder is all there is."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from asr.export.formats import ExportFormat, cannot

if TYPE_CHECKING:
    from asr.families.speech_llm.decoding.params import SpeechLlmDecodeParams

REASON = (
    "no class of transformers joins a Whisper encoder to a language model through this projector; "
    "encoder/ and language_model/ of models/tuned are folders of transformers each"
)


def formats() -> Mapping[str, ExportFormat]:
    """See ``asr.families.protocols.ExportRole``."""
    return {"transformers": cannot(REASON), "adapter": cannot(REASON)}


def as_others_decode(own: "SpeechLlmDecodeParams") -> "SpeechLlmDecodeParams":
    """See ``asr.families.protocols.ExportRole``; nothing is compared."""
    return own
