"""Average the weights of models that were tuned from one base: other seeds, other recipes.

    python -m commands.average models/mean models/a models/b
    python -m commands.average models/mean models/a models/b \
        --dev data/manifests/dev.jsonl --prepared data/prepared

Each is a folder as the stage ``train`` writes it, of any family. A checkpoint of a training is one
too: its averaged weights stand in for those of the first folder, which must be a model. All files
but the weights must be equal, as must the names, shapes and types of the weights. The mean is
computed in float64, one weight at a time, and is the same in any order of the folders.

With --dev, each model and the mean transcribe that manifest with the ``decode`` section of
params.yaml. The mean is written only if its WER is below all others'; else the exit status is 3.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from asr.averaging.mean import write_mean
from asr.averaging.source import Source, open_sources
from asr.core.errors import InputError
from asr.core.files import atomic_folder
from asr.core.params import load_family_params, load_params
from asr.core.pull import pull_missing
from asr.decoding.params import DecodeParams
from asr.decoding.transcribe import tokens_per_letter, transcribe_all
from asr.devices.params import MachineParams
from asr.families.params import ModelParams
from asr.families.protocols import family_module
from asr.scoring.normalizers import Normalizers
from asr.scoring.params import ScoreParams
from asr.scoring.score import score_utterances, summary
from asr.utterances.shards import Waveforms
from asr.utterances.utterance import read_manifest

NOT_BEST = 3  # exit status; 1 is an error, 2 a wrong command line

DevWer = Callable[[Path], float]


class NotBestError(Exception):
    """The mean is not better than all that it is the mean of."""


def dev_wer(manifest: Path, prepared: Path) -> DevWer:
    """Build the function that transcribes dev with the model in a folder and returns its WER.

    Decodes and scores as the stages ``transcribe`` and ``score`` do.
    """
    name = load_params("model", ModelParams).family
    machine = load_params("machine", MachineParams)
    decode = load_params("decode", DecodeParams)
    score = load_params("score", ScoreParams)
    role = family_module(name, "decoding")
    own = load_family_params(name, "decode", role.OwnParams)
    dev = read_manifest(manifest)
    pull_missing(prepared / corpus for corpus in {one.corpus for one in dev})
    waveforms = Waveforms(prepared, dev)
    normalizers = Normalizers(score.normalizers)

    def wer(model: Path) -> float:
        engine = role.open_engine(model, machine, decode, own)
        per_letter = tokens_per_letter(dev, family_module(name, "tokens").open_tokens(model))
        computed = role.computed_seconds(model, own)
        found, _ = transcribe_all(engine, waveforms, dev, computed, decode, per_letter)
        hypotheses = {one.id: one for one in found}
        scored = score_utterances(dev, hypotheses, manifest, normalizers, score.script)
        rate: float | None = summary(scored)["wer"]
        if rate is None:
            raise InputError(f"{manifest}: expected transcripts with words, got none")
        return rate

    return wer


def average(out: Path, folders: Sequence[Path], wer: DevWer | None) -> bool:
    """Write the mean of some models' weights into the new folder ``out``.

    Args:
        out: must not exist.
        folders: at least two models or checkpoints, the first a model.
        wer: from ``dev_wer``; None to keep the mean in any case.

    Returns:
        Whether the mean was kept.

    Raises:
        InputError: if the models are not of one architecture; names file and weight.
    """
    if out.exists():
        raise InputError(f"{out}: expected a new folder, it exists")
    sources = open_sources(folders)
    rates: list[float] = []
    if wer:
        for source in sources:
            rates.append(_wer_of(source, wer))
            print(f"{rates[-1]:.4f}  {source.folder}", flush=True)
    try:
        with atomic_folder(out) as partial:
            write_mean(partial, sources)
            if wer:
                rate = wer(partial)
                print(f"{rate:.4f}  the mean, {out}", flush=True)
                if rate >= min(rates):
                    raise NotBestError
    except NotBestError:
        return False
    return True


def _wer_of(source: Source, wer: DevWer) -> float:
    """A checkpoint is written as a model first."""
    with ExitStack() as stack:
        folder = source.folder
        if source.checkpoint:
            # Beside the model and not in /tmp, which may be in memory.
            beside = source.model.parent
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=beside)))
            write_mean(folder, [source])
        return wer(folder)


def main() -> int:
    """Read the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, help="new folder for the mean")
    parser.add_argument("folders", type=Path, nargs="+", metavar="folder", help="two or more")
    parser.add_argument("--dev", type=Path, metavar="MANIFEST", help="keep the mean only if best")
    parser.add_argument("--prepared", type=Path, metavar="FOLDER", help="audio of the manifest")
    given = parser.parse_args()
    if (given.dev is None) != (given.prepared is None):
        parser.error("expected --dev and --prepared together")
    try:
        wer = dev_wer(given.dev, given.prepared) if given.dev else None
        if average(given.out, given.folders, wer):
            print(f"{given.out}: written")
            return 0
    except (InputError, OSError) as error:
        sys.exit(f"average: {error}")
    print(f"{given.out}: not written, since the mean is not the best on {given.dev}")
    return NOT_BEST


if __name__ == "__main__":
    sys.exit(main())
