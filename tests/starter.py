"""The starter corpus and its base model, for tests on real speech."""

from pathlib import Path

from asr.audio.decoding import decode
from asr.core.params import load_block, load_params
from asr.corpora.formats import corpus_format
from asr.corpora.recording import Recording
from asr.families.whisper.base import Block, bring_base
from asr.preparation.params import PrepareParams
from asr.preparation.screening import judge
from asr.sources.corpus_source import bring, load_source
from asr.sources.weights import bring_weights
from asr.utterances.waveform import Waveform

ROOT = Path(__file__).parent.parent


def write_base(folder: Path, parts: Path) -> Path:
    """Write Whisper-base as a plain transformers folder; what it is made of goes to ``parts``."""
    folder.mkdir(exist_ok=True)
    parts.mkdir(exist_ok=True)
    block = load_block(ROOT / "conf" / "models.yaml", ("whisper", "base"), Block)
    bring_base(block, {"weights": bring_weights(block.weights, parts)}, folder)
    return folder


def starter_clips(*languages: str) -> dict[str, list[tuple[Recording, Waveform]]]:
    """Recordings that prepare would keep and their sound, by language."""
    stamps = corpus_format("stamps")
    files = dict(
        bring(
            load_source("tuxpaint_stamps"),
            lambda name: any(stamps.wants(name, language) for language in languages),
        )
    )
    params = load_params("prepare", PrepareParams, ROOT / "params.yaml")
    clips = {}
    for language in languages:
        clips[language] = [
            (one, decode(one.audio, params.max_duration_s).waveform)
            for one in stamps.read(files, language, {})
            if all(hasattr(outcome, "samples") for outcome in judge(one, params))
        ]
    return clips
