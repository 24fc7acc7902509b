"""Check the labels of the training set without training: ``python -m commands.check_labels``.

It reads params.yaml, models/base, data/manifests and data/prepared, and checks what the stage
``train`` checks before its first step. As the family's batches hold it, each transcript must have
the right prompt, which is not learned, its own text and one end token; of more than 20,000
transcripts, a sample is checked. A sample of the clips must have sound, and the same features alone
and in a batch. It stops at the first fault, with the utterance's id and exit status 1. It also
prints the prompt and the labels of one utterance.
"""

import argparse
import sys
import time
from pathlib import Path

from asr.core.errors import InputError
from asr.core.params import load_family_params, load_params, load_seed
from asr.families.params import ModelParams
from asr.families.protocols import MakesVocabulary, family_module
from asr.training.label_check import LabelReport, check_labels
from asr.training.params import TrainParams
from asr.training.replay import to_replay
from asr.training.target_text import target_texts
from asr.utterances.shards import Waveforms
from asr.utterances.utterance import read_manifest

BASE, PREPARED = Path("models/base"), Path("data/prepared")
MANIFEST, REPLAY = Path("data/manifests/train.jsonl"), Path("data/manifests/replay.jsonl")
MEANINGS = {
    "num_utterances": "utterances whose labels were checked",
    "num_clips": "of these, whose audio and features were checked too",
    "num_lossy": "transcripts with letters that the tokenizer lacks",
    "num_too_long": "transcripts that the loss leaves out: too long for their clips",
    "max_labels": "tokens of the longest transcript",
    "mean_labels": "tokens of a transcript, in the mean",
    "labels_per_s": "tokens of transcripts a second of audio",
    "prompt_share": "of the tokens that the model reads, the prompt's, which are not learned",
}


def label_report(base: Path, prepared: Path, manifest: Path, replay: Path) -> LabelReport:
    """Check the labels as the stage ``train`` does, with the params of this folder.

    Raises:
        InputError: at the first fault.
    """
    import torch

    params, model = load_params("train", TrainParams), load_params("model", ModelParams)
    role = family_module(model.family, "training")
    own = load_family_params(model.family, "train", role.OwnParams)
    utterances = [*read_manifest(manifest), *to_replay(replay, params.replay)]
    trainee = role.open_trainee(base, torch.device("cpu"), params, own)
    utterances = target_texts(utterances, params.text)
    if isinstance(trainee, MakesVocabulary):
        trainee.make_vocabulary(utterances, [])
    longest_s = family_module(model.family, "window").MAX_DURATION_S
    waveforms = Waveforms(prepared, utterances)
    return check_labels(trainee, waveforms, utterances, params, longest_s, load_seed())


def table(report: LabelReport) -> str:
    """The counts with their meanings, and an example."""
    lines = [f"{value:>9}  {MEANINGS[name]}" for name, value in report.metrics().items()]
    example = report.example
    return "\n".join(
        [
            *lines,
            "",
            f"Example: {example['id']}",
            f"  transcript        {example['text']}",
            f"  read, not learned {example['prompt']!r}",
            f"  learned           {example['labels']!r}",
        ]
    )


def main() -> None:
    """Check and print."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    started = time.monotonic()
    try:
        report = label_report(BASE, PREPARED, MANIFEST, REPLAY)
    except (InputError, OSError) as error:
        sys.exit(f"check_labels: {error}")
    print(f"{table(report)}\n\nNo fault, in {time.monotonic() - started:.1f} s.")


if __name__ == "__main__":
    main()
