"""WER by context in training and in decoding: short context, 30 s, and other tools.

    python -m benchmarks.context base=models/base default=models/tuned \\
        full=models/full short=models/short

NAME=FOLDER gives each model its name in the table. Each transcribes the test set in five ways: ours
with dynamic context, by default and with only training's small margin and no fallback; ours with
30 s; faster-whisper with the same greedy search and with its own defaults. The paired bootstrap
compares each model with ``default``, decoded the same way. ``full`` and ``short`` are optional.

The other models come from ``recipes/full_context.yaml`` and ``recipes/short_only.yaml``. Train all
of them for the same number of steps. On two cores a step at 30 s takes half a minute, a short one a
second or two:

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
BEAMS = 5  # faster-whisper's default

Decoded = dict[str, tuple[list[str], list[bool]]]  # by decoding: texts, and whether they ran away


def decode_in_every_way(model: Path, clips: list[Clip]) -> Decoded:
    """Transcribe the clips with one model in all five ways."""
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
    per_letter = {
        u.language: 1.0 for u in utterances
    }  # at most a token a letter, as in the starter
    decoded: Decoded = {}
    for name, seconds in ways.items():
        hypotheses, _ = transcribe_all(engine, waveforms, utterances, seconds, params, per_letter)
        decoded[name] = [h.text for h in hypotheses], [h.runaway for h in hypotheses]
    tokenizer = read_tokenizer(model)
    with TemporaryDirectory() as folder:
        converted = to_ctranslate2(model, Path(folder) / "model")
        for name, beams in (("greedy", 1), ("as it comes", BEAMS)):
            decode = faster_whisper(
                converted, "float32", beams, machine.num_threads, stock=beams == BEAMS
            )
            texts = decode(waveforms, utterances)
            # faster-whisper reports no runaways: count texts that reach our token budget.
            decoded[f"faster-whisper, {name}"] = (
                texts,
                [
                    len(text_tokens(tokenizer, text)) >= token_budget(u.duration_s, params, 1.0)
                    for text, u in zip(texts, utterances, strict=True)
                ],
            )
    return decoded


def compare(models: dict[str, Path], clips: list[Clip]) -> list[dict[str, Any]]:
    """A row for each decoding and model, in that order."""
    decoded = {name: decode_in_every_way(folder, clips) for name, folder in models.items()}
    rows = []
    for decoding in decoded[DEFAULT]:
        default = clip_errors(clips, decoded[DEFAULT][decoding][0])
        for name in models:
            texts, runaways = decoded[name][decoding]
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
    options = parser.parse_args()
    try:
        models = dict(map(_named, options.models))
    except InputError as error:
        parser.error(str(error))
    if DEFAULT not in models:
        parser.error(f"expected a model named {DEFAULT}, got {sorted(models)}")
    corpus = read_corpus("starter", MANIFEST, QUICK_CLIPS if options.quick else NUM_CLIPS)
    result = {"clips": corpus.facts(), "rows": compare(models, corpus.clips)}
    write_result("context", result, keep=not options.quick)


if __name__ == "__main__":
    main()
