"""Transcribe the audio of a manifest with any model; ``--score`` also prints WER and CER.

    python -m commands.predict --model models/tuned --language be --manifest clips.jsonl \\
        --out predictions.jsonl
    python -m commands.predict --model models/tuned --manifest data/manifests/dev.jsonl \\
        --out dev.jsonl --score

The manifest is one of this project, or a table (JSON Lines, CSV, TSV) with ``utterance_id``,
``audio_path`` and perhaps ``language`` and ``orthographic_text``; files may be of any audio format.
The model is a folder of any family, or a checkpoint of an unfinished training. Decoding is as in
section ``decode`` of params.yaml, without a language model. A clip longer than
``prepare.max_duration_s`` is cut at pauses, and one longer than ``prepare.max_input_s`` is refused.

Each line of --out has ``utterance_id`` and ``orthographic_text``. A killed run resumes by the same
command. A file that can't be read has no line: it is listed in ``<out>.failures.csv``, and the exit
status is 3. When it is repaired, the same command adds its line. With ``--confidence`` a line also
has what ``commands.rank`` reads.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from asr.core.errors import InputError
from asr.core.params import load_family_params, load_params, load_seed
from asr.corpora.test_sets import TEST, test_set_names
from asr.decoding.journal import open_journal
from asr.decoding.params import DecodeParams
from asr.decoding.transcribe import Decoding, tokens_per_letter
from asr.devices.params import MachineParams
from asr.families.params import ModelParams
from asr.families.protocols import family_module
from asr.language_model.params import LmParams
from asr.prediction.clips import (
    AudioSource,
    Clip,
    is_own_manifest,
    prepared_of,
    read_own,
    read_table,
    test_set_of,
)  # fmt: skip
from asr.prediction.evaluate import score_lines
from asr.prediction.model import family_of, model_folder, model_hash
from asr.prediction.predict import (
    ConfidentPrediction,
    Cutting,
    Failure,
    Prediction,
    check_ids,
    list_failures,
    predict,
)
from asr.prediction.transcriber import opened_transcriber
from asr.preparation.params import PrepareParams
from asr.scoring.normalizers import normalizers_of
from asr.scoring.params import ScoreParams
from asr.sources.params import FetchParams
from asr.utterances.utterance import Utterance, read_manifest

FAILED = 3  # exit status; 1 is an error, 2 a wrong command line
INTERRUPTED = 130
TRAIN = Path("data/manifests/train.jsonl")  # of the model, where the manifest is of a test set
BASE = Path("models/base")


def clips_of(given: argparse.Namespace) -> tuple[list[Clip], Sequence[Utterance]]:
    """The clips of the manifest, and the training set beside one of this project."""
    if is_own_manifest(given.manifest):
        of_split = test_set_of(given.manifest) == TEST
        prepared = given.prepared or prepared_of(given.manifest)
        train = given.manifest.with_name("train.jsonl") if of_split else TRAIN
        return read_own(given.manifest, prepared), read_manifest(train) if train.is_file() else []
    folder = given.audio or given.manifest.parent
    max_s = load_params("prepare", PrepareParams).max_input_s
    source = AudioSource(folder, given.language, max_s, load_params("fetch", FetchParams))
    return read_table(given.manifest, source), []


def run(given: argparse.Namespace, model: Path, clips: list[Clip], train: Sequence[Utterance]
        ) -> tuple[list[Failure], dict[str, str]]:  # fmt: skip
    """Predict with the model in a folder; returns the failures, and the texts by id."""
    family = given.family or family_of(model) or load_params("model", ModelParams).family
    role = family_module(family, "decoding")
    decode = load_params("decode", DecodeParams)
    own = load_family_params(family, "decode", role.OwnParams)
    machine = load_params("machine", MachineParams)
    prepare = load_params("prepare", PrepareParams)
    longest_s = min(family_module(family, "window").MAX_DURATION_S, prepare.max_duration_s)
    per_letter = tokens_per_letter(train, family_module(family, "tokens").open_tokens(model))
    # What only changes speed may differ in the run that resumes.
    facts: Mapping[str, Any] = {
        "model": model_hash(model),
        "family": family,
        "decode": decode.model_dump(exclude={"batch_seconds", "server"}),
        f"{family}.decode": own.model_dump(),
        "tokens_per_letter": per_letter,
        "longest_s": longest_s,
        "silence": prepare.silence.model_dump(),
        **({"confidence": True} if given.confidence else {}),
    }
    schema = ConfidentPrediction if given.confidence else Prediction
    with open_journal(given.out, schema, facts) as journal:
        check_ids(journal, clips, given.out)
        if len(journal.rows) == len(clips):
            return [], {row.utterance_id: row.orthographic_text for row in journal.rows}
        how = Decoding(model, family, machine, decode, own)
        with opened_transcriber(how, per_letter) as (transcribe, group_s):
            cutting = Cutting(longest_s, prepare.silence)
            failures = predict(clips, journal, schema, transcribe, cutting, group_s)
        return failures, {row.utterance_id: row.orthographic_text for row in journal.rows}


def command(given: argparse.Namespace) -> int:
    """Predict, and list what failed; returns the exit status."""
    clips, train = clips_of(given)
    if load_params("lm", LmParams).weight != "none":
        print("lm.weight: predictions use no language model", file=sys.stderr)
    with model_folder(given.model, given.base) as model:
        failures, texts = run(given, model, clips, train)
    print(f"{given.out}: {len(texts)} of {len(clips)} clips")
    list_failures(given.out.with_name(f"{given.out.name}.failures.csv"), failures)
    if given.score:
        score = load_params("score", ScoreParams)
        name = test_set_of(given.manifest)
        known = is_own_manifest(given.manifest) and name in test_set_names()
        normalizers = normalizers_of(name if known else TEST, score)
        lines = score_lines(clips, texts, given.out, score, load_seed(), normalizers)
        print(*lines, sep="\n")
    return FAILED if failures else 0


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True, help="folder of a model or checkpoint")
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="JSON Lines, new or to resume")
    parser.add_argument("--audio", type=Path, help="folder of audio_path; default: the manifest's")
    parser.add_argument("--prepared", type=Path,
                        help="folder of the audio of this project's manifests")  # fmt: skip
    parser.add_argument("--language", help="ISO 639 code, of rows without one")
    parser.add_argument("--family", help="default: as the model's files show it")
    parser.add_argument("--base", type=Path, default=BASE,
                        help="the model whose other files a checkpoint needs")  # fmt: skip
    parser.add_argument("--confidence", action="store_true",
                        help="add duration, tokens and log-probability to each line")  # fmt: skip
    parser.add_argument("--score", action="store_true", help="print WER and CER")
    try:
        return command(parser.parse_args())
    except (InputError, OSError) as error:
        sys.exit(f"predict: {error}")
    except KeyboardInterrupt:
        print("predict: interrupted; the same command goes on", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
