"""The starter corpus and its base model, for tests on real speech."""

import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from asr.audio.decoding import decode
from asr.core.params import load_block, load_params
from asr.corpora.formats import corpus_format
from asr.corpora.raw_folder import RawFiles, write_files, write_provenance
from asr.corpora.recording import Recording
from asr.families.whisper.base import Block, bring_base
from asr.preparation.params import PrepareParams
from asr.preparation.screening import screen
from asr.sources.corpus_source import fetch_files, load_source, provenance
from asr.sources.params import FetchParams
from asr.sources.weights import fetch_weights
from asr.utterances.waveform import Waveform

ROOT = Path(__file__).parent.parent
SOURCE = "tuxpaint_stamps"
LANGUAGES = ("be", "bg")


def write_starter(folder: Path) -> None:
    """Write recordings in two languages, and Whisper-base in ``base``, as it came in ``parts``."""
    wants, source = corpus_format("stamps").wants, load_source(SOURCE)
    limits = load_params("fetch", FetchParams, ROOT / "params.yaml")
    in_languages = lambda name: any(wants(name, language) for language in LANGUAGES)  # noqa: E731
    files = fetch_files(source, in_languages, limits)
    write_provenance(folder, provenance(source, write_files(folder / "files.tar", files)))
    for name in ("base", "parts"):
        (folder / name).mkdir()
    block = load_block(ROOT / "conf" / "models.yaml", ("whisper", "base"), Block)
    weights = {"weights": fetch_weights(block.weights, folder / "parts")}
    bring_base(block, weights, folder / "base")


def starter_recordings(folder: Path, language: str) -> list[Recording]:
    """All of a language, in an order that follows no subject."""
    recordings = list(corpus_format("stamps").read(RawFiles(folder), language, {}))
    random.Random(1).shuffle(recordings)
    return recordings


def starter_clips(folder: Path, language: str, number: int) -> list[tuple[Recording, Waveform]]:
    """As many recordings that prepare would keep, and their sound."""
    params = load_params("prepare", PrepareParams, ROOT / "params.yaml")

    def clips() -> Iterator[tuple[Recording, Waveform]]:
        for one in starter_recordings(folder, language):
            if all(hasattr(outcome, "samples") for outcome in screen(one, params)):
                yield one, decode(bytes(one.audio), params.max_duration_s).waveform

    return list(islice(clips(), number))
