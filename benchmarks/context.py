"""What a model must have heard to serve in short context, in 30 s, and in other tools.

    python -m benchmarks.context base=models/base default=models/tuned \\
        full=models/full short=models/short

Each model, named as the table shall call it, transcribes the test set in our dynamic context (once
as it ships, once with training's small margin and no second try), in our 30 s, in faster-whisper
with the same greedy search and in faster-whisper as it comes. ``default`` is what the others are
compared with, decoded alike, by the paired bootstrap; ``full`` and ``short`` can be left out.

The other models come from ``recipes/full_context.yaml`` and ``recipes/short_only.yaml``. What they
are compared with must have trained for as many steps, so say how many; a step at 30 s takes two
cores half a minute, a short one a second or two:

    python -m commands.recipe full_context -n full -S train.max_steps=150 train
    python -m commands.recipe short_only -n short -S train.max_steps=150 train
    dvc exp run --temp -n default -S train.max_steps=150 train
    dvc get . models/tuned --rev full --out models/full    # and so on
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from asr.core.errors import InputError
from asr.core.params import load_family_params, load_params
from asr.decoding.params import DecodeParams
from asr.decoding.transcribe import ComputedSeconds, token_budget, transcribe_all
from asr.devices.params import MachineParams
from asr.families.whisper.decoding import computed_seconds, open_engine
from asr.families.whisper.decoding.params import WhisperDecodeParams
from asr.families.whisper.tokens import text_tokens
from asr.families.whisper.tokens.description import read_tokenizer
from asr.families.whisper.training.params import WhisperTrainParams
from asr.families.whisper.window import context_s
from benchmarks.accuracy import clip_errors, difference, wer
from benchmarks.conversions import to_ctranslate2
from benchmarks.corpora import Clip, read_corpus
from benchmarks.decoders import faster_whisper
from benchmarks.measure import write_result

MANIFEST = Path("data/manifests/test.jsonl")
NUM_CLIPS, QUICK_CLIPS = 100_000, 8  # all of the test set
DEFAULT = "default"
BEAMS = 5  # faster-whisper's own

Heard = dict[str, tuple[list[str], list[bool]]]  # by decoding: texts, and whether they ran away


def hear(model: Path, clips: list[Clip]) -> Heard:
    """The texts that a model has for the clips, decoded in every way."""
    params = load_params("decode", DecodeParams).model_copy(update={"num_beams": 1})
    machine = load_params("machine", MachineParams)
    own = load_family_params("whisper", "decode", WhisperDecodeParams)
    small_s = load_family_params("whisper", "train", WhisperTrainParams).margin_s
    engine = open_engine(model, machine, params, own)
    waveforms, utterances = [waveform for waveform, _ in clips], [u for _, u in clips]
    ways = {
        "ours, dynamic": computed_seconds(model, own),
        f"ours, clip + {small_s} s, heard once": ComputedSeconds(lambda s: context_s(s, small_s)),
        "ours, 30 s": computed_seconds(model, own.model_copy(update={"context": "full"})),
    }
    heard: Heard = {}
    for name, seconds in ways.items():
        hypotheses, _ = transcribe_all(engine, waveforms, utterances, seconds, params)
        heard[name] = [h.text for h in hypotheses], [h.runaway for h in hypotheses]
    tokenizer = read_tokenizer(model)
    with TemporaryDirectory() as folder:
        converted = to_ctranslate2(model, Path(folder) / "model")
        for name, beams in (("greedy", 1), ("as it comes", BEAMS)):
            decode = faster_whisper(
                converted, "float32", beams, machine.num_threads, stock=beams == BEAMS
            )
            texts = decode(waveforms, utterances)
            # It doesn't say what ran away; by ours, what has more tokens than the clip can hold.
            heard[f"faster-whisper, {name}"] = (
                texts,
                [
                    len(text_tokens(tokenizer, text)) >= token_budget(u.duration_s, params)
                    for text, u in zip(texts, utterances, strict=True)
                ],
            )
    return heard


def compare(models: dict[str, Path], clips: list[Clip]) -> list[dict[str, Any]]:
    """A row for each decoding and model, in that order."""
    heard = {name: hear(folder, clips) for name, folder in models.items()}
    rows = []
    for decoding in heard[DEFAULT]:
        default = clip_errors(clips, heard[DEFAULT][decoding][0])
        for name in models:
            texts, runaways = heard[name][decoding]
            errors = clip_errors(clips, texts)
            rows.append(
                {
                    "model": name,
                    "decoding": decoding,
                    "wer": wer(errors),
                    "difference": difference(clips, default, errors),
                    "runaways": sum(runaways),
                }
            )
    return rows


def _named(argument: str) -> tuple[str, Path]:
    name, _, folder = argument.partition("=")
    if not (Path(folder) / "config.json").is_file():
        raise InputError(f"{argument}: expected NAME=FOLDER with a model in it")
    return name, Path(folder)


def main() -> None:
    """Measure, print and write ``benchmarks/results/context.json``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", metavar="NAME=FOLDER")
    parser.add_argument("--quick", action="store_true", help="few clips; prints, writes nothing")
    asked = parser.parse_args()
    try:
        models = dict(map(_named, asked.models))
    except InputError as error:
        parser.error(str(error))
    if DEFAULT not in models:
        parser.error(f"expected a model named {DEFAULT}, got {sorted(models)}")
    corpus = read_corpus("starter", MANIFEST, QUICK_CLIPS if asked.quick else NUM_CLIPS)
    result = {"clips": corpus.facts(), "rows": compare(models, corpus.clips)}
    write_result("context", result, keep=not asked.quick)


if __name__ == "__main__":
    main()
