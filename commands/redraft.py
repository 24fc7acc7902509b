"""Draft pending clips of an annotation database or label tool with a model: docs/corrections.md.

    python -m commands.redraft --block supabase_clips --model models/tuned --dry-run
    python -m commands.redraft --block supabase_clips --model models/tuned --run "week 7" \\
        --where age_bucket=5-7

The block of ``conf/redraft.yaml`` names the table and where the audio is. Clips are claimed in
batches, transcribed, and written back where nobody changed them meanwhile. So any number of workers
may run at once, people may go on correcting, and after a kill the same command goes on. A clip that
has a draft of this model is left alone, and so is one of a test set.

Decoding is as in section ``decode`` of params.yaml, without a language model. The exit status is 3
if clips failed: a missing file, or audio that can't be decoded.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from asr.alignment.params import AlignParams
from asr.core.errors import InputError
from asr.core.params import load_family_params, load_params
from asr.decoding.params import DecodeParams
from asr.decoding.transcribe import Decoding, tokens_per_letter
from asr.devices.params import MachineParams
from asr.families.params import ModelParams
from asr.families.protocols import family_module
from asr.prediction.model import family_of, model_folder, model_hash
from asr.prediction.predict import Cutting
from asr.prediction.transcriber import opened_transcriber
from asr.preparation.params import PrepareParams
from asr.redraft.audio import Load
from asr.redraft.clips import ModelName, PendingClips
from asr.redraft.drafts import Drafting, Wishes, preview, redraft
from asr.redraft.held_out import read_held_out
from asr.redraft.params import REDRAFT, Block, load_redraft
from asr.redraft.source import open_source
from asr.sources.params import FetchParams
from asr.utterances.utterance import read_manifest

FAILED = 3  # exit status; 1 is an error, 2 a wrong command line
INTERRUPTED = 130
BASE = Path("models/base")
TRAIN = Path("data/manifests/train.jsonl")
NUM_SHOWN = 5


@contextmanager
def opened_drafting(
    given: argparse.Namespace, model: Path, block: Block, load: Load, with_words: bool
) -> Iterator[Drafting]:
    """Open the model in a folder."""
    family = given.family or family_of(model) or load_params("model", ModelParams).family
    own = load_family_params(family, "decode", family_module(family, "decoding").OwnParams)
    machine = load_params("machine", MachineParams)
    prepare = load_params("prepare", PrepareParams)
    align = load_params("align", AlignParams)
    aligner = None
    if with_words:
        aligner = family_module(family, "alignment").open_aligner(model, machine, align)
    longest_s = min(family_module(family, "window").MAX_DURATION_S, prepare.max_duration_s)
    train = read_manifest(TRAIN) if TRAIN.is_file() else []
    per_letter = tokens_per_letter(train, family_module(family, "tokens").open_tokens(model))
    how = Decoding(model, family, machine, load_params("decode", DecodeParams), own)
    with opened_transcriber(how, per_letter) as (transcribe, group_s):
        yield Drafting(
            load, transcribe, Cutting(longest_s, prepare.silence), group_s, prepare.max_input_s,
            block.language, read_held_out(block.corpus, prepare), aligner, align,
        )  # fmt: skip


def command(given: argparse.Namespace) -> int:
    """Draft, or show what would be drafted; returns the exit status."""
    block = load_redraft(given.block, given.conf)
    place = f"{given.conf}: {given.block}"
    with model_folder(given.model, given.base) as model:
        name = ModelName(given.name or given.model.resolve().name, model_hash(model))
        limits = load_params("fetch", FetchParams)
        source = open_source(block, name, place, limits, given.run, given.where, given.status)
        num = source.clips.count()
        print(f"{given.block}: {num} clips without a draft of {name.name} {name.version}")
        if num == 0:
            return 0
        with opened_drafting(given, model, block, source.load, source.with_words) as drafting:
            if given.dry_run:
                print(*preview(source.clips, drafting, NUM_SHOWN), sep="\n")
                return 0
            return run(source.clips, drafting, given, block.batch_clips, num)


def run(
    clips: PendingClips, drafting: Drafting, given: argparse.Namespace, batch_clips: int, num: int
) -> int:
    """Draft the clips; returns the exit status."""
    wishes = Wishes(given.limit, given.only_changed, given.min_confidence)
    total = num if given.limit is None else min(num, given.limit)
    with tqdm(total=total, unit="clip", desc="redraft") as progress:
        counts = redraft(clips, drafting, wishes, batch_clips, progress.update)
    print(f"{given.block}: {counts.sentence()}")
    return FAILED if counts.failed else 0


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--block", required=True, help="of conf/redraft.yaml")
    parser.add_argument("--model", type=Path, required=True, help="folder of a model or checkpoint")
    parser.add_argument("--run", help="label or id of a run; default: all")
    parser.add_argument("--status", action="append", help="in place of the block's; repeatable")
    parser.add_argument("--where", action="append", default=[], metavar="KEY=VALUE",
                        help="a column or attribute and its value; repeatable")  # fmt: skip
    parser.add_argument("--limit", type=_positive, help="most clips")
    parser.add_argument("--only-changed", action="store_true",
                        help="leave clips as they are whose draft would be the same")  # fmt: skip
    parser.add_argument("--min-confidence", type=float, default=0.0, metavar="SHARE",
                        help="leave clips as they are whose draft is less sure; 0 to 1",
                        )  # fmt: skip
    parser.add_argument("--dry-run", action="store_true",
                        help=f"count clips and show {NUM_SHOWN} drafts; write nothing")  # fmt: skip
    parser.add_argument("--name", help="of the model in the database; default: its folder's")
    parser.add_argument("--family", help="default: as the model's files show it")
    parser.add_argument("--base", type=Path, default=BASE,
                        help="the model whose other files a checkpoint needs")  # fmt: skip
    parser.add_argument("--conf", type=Path, default=REDRAFT, help=f"default: {REDRAFT}")
    try:
        return command(parser.parse_args())
    except (InputError, OSError) as error:
        sys.exit(f"redraft: {error}")
    except KeyboardInterrupt:
        print("redraft: interrupted; the same command goes on", file=sys.stderr)
        return INTERRUPTED


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, got {number}")
    return number


if __name__ == "__main__":
    sys.exit(main())
