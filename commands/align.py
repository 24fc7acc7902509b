"""Find the times of the words of any clips, by any model; the stage ``align`` is for the test set.

    python -m commands.align --model models/tuned --manifest data/manifests/dev.jsonl --out aligned
    python -m commands.align --model models/tuned --manifest songs.csv --language be --out aligned

The manifest is one of this project, or a table (JSON Lines, CSV, TSV) with ``utterance_id``,
``audio_path``, ``orthographic_text`` and perhaps ``language``. ``--texts`` takes the words from a
file of ``commands.predict`` instead. Section ``align`` of params.yaml counts, but for ``text``.

--out gets ``words.jsonl`` and ``outputs/<id>/``, as ``data/alignment``. A clip that can't be
aligned, such as one longer than the model hears, is listed in ``failures.csv``, and the exit status
is 3.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from asr.alignment.clips import TextedClip, align_clips
from asr.alignment.params import AlignParams
from asr.alignment.words import coverage
from asr.audio.stream import UndecodableError
from asr.core.errors import InputError
from asr.core.params import load_params
from asr.devices.params import MachineParams
from asr.families.params import ModelParams
from asr.families.protocols import family_module
from asr.prediction.clips import (
    AudioSource,
    Clip,
    is_own_manifest,
    prepared_of,
    read_own,
    read_table,
)  # fmt: skip
from asr.prediction.model import family_of
from asr.prediction.predict import Failure, Prediction, list_failures
from asr.preparation.params import PrepareParams
from asr.sources.params import FetchParams
from asr.utterances.jsonl import read_jsonl
from asr.utterances.waveform import SAMPLE_RATE

FAILED = 3  # exit status; 1 is an error, 2 a wrong command line


def clips_of(given: argparse.Namespace) -> list[Clip]:
    """The clips of the manifest."""
    if is_own_manifest(given.manifest):
        return read_own(given.manifest, given.audio or prepared_of(given.manifest))
    max_s = load_params("prepare", PrepareParams).max_input_s
    folder = given.audio or given.manifest.parent
    source = AudioSource(folder, given.language, max_s, load_params("fetch", FetchParams))
    return read_table(given.manifest, source)


def texted(
    clips: list[Clip], texts: Mapping[str, str], max_s: float, failures: list[Failure]
) -> Iterator[TextedClip]:
    """Load the clips that can be aligned; append the others to ``failures``."""
    for one in tqdm(clips, unit="clip", desc="align"):
        text = texts.get(one.id, one.text)
        path = PurePosixPath(one.id)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            failures.append(Failure(one.id, "expected an id that can be the name of a folder"))
            continue
        if not text:
            failures.append(Failure(one.id, "no text"))
            continue
        try:
            waveform = one.load()
        except (UndecodableError, InputError, OSError) as error:
            failures.append(Failure(one.id, str(error)))
            continue
        duration_s = len(waveform) / SAMPLE_RATE
        if 0 < duration_s <= max_s:
            yield TextedClip(one.id, text, one.language, waveform)
        else:
            why = f"{duration_s:.1f} s, of which the model hears {max_s:g}; segment it before"
            failures.append(Failure(one.id, why))


def align(given: argparse.Namespace) -> int:
    """Align, and list what failed; returns the exit status."""
    clips = clips_of(given)
    predicted = read_jsonl(given.texts, Prediction) if given.texts else []
    texts = {one.utterance_id: one.orthographic_text for one in predicted}
    family = family_of(given.model) or load_params("model", ModelParams).family
    params, machine = load_params("align", AlignParams), load_params("machine", MachineParams)
    aligner = family_module(family, "alignment").open_aligner(given.model, machine, params)
    longest_s = family_module(family, "window").MAX_DURATION_S
    failures: list[Failure] = []
    aligned = align_clips(aligner, texted(clips, texts, longest_s, failures), given.out, params)
    share = coverage([one.words for one in aligned])
    print(f"{given.out}: {len(aligned)} of {len(clips)} clips, all words timed in {share:.1%}")
    list_failures(given.out / "failures.csv", failures)
    return FAILED if failures else 0


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True, help="folder of a model")
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder")
    parser.add_argument("--audio", type=Path, help="folder of a table's paths, or of shards")
    parser.add_argument("--language", help="ISO 639 code, of rows without one")
    parser.add_argument("--texts", type=Path, help="predictions whose words are aligned")
    try:
        return align(parser.parse_args())
    except (InputError, OSError) as error:
        sys.exit(f"align: {error}")


if __name__ == "__main__":
    sys.exit(main())
