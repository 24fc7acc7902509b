"""Order clips for correction, and write the first of them to a CSV that label tools read.

    python -m commands.rank --manifest clips.jsonl --tuned models/tuned --language be \\
        --minutes 30 --out to_correct.csv
    python -m commands.rank --manifest clips.jsonl --tuned tuned.jsonl --base base.jsonl \\
        --order both --format label_studio --audio-url https://example.org/clips/ --out tasks.csv

The manifest is as in ``commands.predict``; its clips may have a text or none. ``--tuned`` is a file
of ``commands.predict --confidence`` or of the stage ``transcribe``, or a folder with a model. This
model then transcribes the clips, to ``<out>.tuned.jsonl``; after a break the same command goes on.

--order confidence takes the clips first whose hypotheses are least sure for their length,
disagreement those where the models of --tuned and --base differ most, both the mean of these two.
Near-duplicates come last, by ``split.near_duplicate`` of params.yaml, and speakers take turns.

The column ``text`` has the hypothesis of --tuned, ``other_text`` that of --base, and ``old_text``
what the manifest has. The audio of this project's own manifests is in shards, so that --wavs names
a folder to write the chosen clips to.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from asr.core.errors import InputError
from asr.core.params import load_params
from asr.prediction.clips import Clip
from asr.ranking.label_csv import FORMATS, AudioPlaces, write_label_csv, write_wavs
from asr.ranking.orders import NEED_CONFIDENCE, NEED_OTHER, ORDERS, Candidate, ranked, within
from asr.ranking.pool import Hypotheses, candidates, read_hypotheses
from asr.scoring.normalizers import Normalizers
from asr.scoring.params import ScoreParams
from asr.splits.params import SplitParams
from commands import predict


def hypotheses_of(model: Path, name: str, clips: Sequence[Clip], given: argparse.Namespace
                  ) -> Hypotheses:  # fmt: skip
    """The hypotheses in a file, or those that a model in a folder makes."""
    if not model.is_dir():
        return read_hypotheses(model, clips)
    out = given.out.with_name(f"{given.out.name}.{name}.jsonl")
    own = {"model": model, "out": out, "confidence": True, "score": False, "family": None}
    predict.command(argparse.Namespace(**vars(given) | own | {"base": predict.BASE}))
    return read_hypotheses(out, clips)


def audio_of(
    chosen: Sequence[Candidate], clips: dict[str, Clip], given: argparse.Namespace
) -> dict[str, str]:
    """The path or URL of each clip's audio, by id."""
    some = [clips[one.id] for one in chosen]
    files = {clip.id: clip.file for clip in some if clip.file}
    if given.wavs:
        files = write_wavs(some, given.wavs)
    elif lacking := [clip.id for clip in some if clip.id not in files]:
        raise InputError(
            f"{given.manifest}: {lacking[0]!r:.120}: expected a file of audio, got a clip in a "
            "shard; --wavs names a folder to write the chosen clips to"
        )
    places = AudioPlaces(given.wavs or given.audio or given.manifest.parent, given.audio_url)
    return {name: places.of(file) for name, file in files.items()}


def command(given: argparse.Namespace) -> None:
    """Order the clips and write the CSV."""
    if given.order in NEED_OTHER and given.base is None:
        raise InputError(f"--order {given.order}: expected --base with another model, got none")
    if given.format == "label_studio" and given.audio_url is None:
        raise InputError("--format label_studio: expected --audio-url, since it reads no paths")
    found, _ = predict.clips_of(given)
    clips = {clip.id: clip for clip in found}
    tuned = hypotheses_of(given.tuned, "tuned", found, given)
    other = hypotheses_of(given.base, "base", found, given) if given.base else None
    pool = candidates(found, tuned, other, need_confidence=given.order in NEED_CONFIDENCE)
    normalizers = Normalizers(load_params("score", ScoreParams).normalizers)
    values = ORDERS[given.order](pool, normalizers)
    order = ranked(pool, values, load_params("split", SplitParams).near_duplicate)
    first_s = pool[order[0]].duration_s
    chosen = order if given.minutes is None else within(pool, order, given.minutes * 60)
    if not chosen:
        raise InputError(
            f"--minutes: expected the first clip to fit, of {first_s:g} s, got {given.minutes:g}"
        )
    ones = [pool[index] for index in chosen]
    audio = audio_of(ones, clips, given)
    rows = [(pool[index], values[index]) for index in chosen]
    write_label_csv(given.out, rows, clips, audio, given.format)
    minutes, total = (sum(one.duration_s for one in some) / 60 for some in (ones, pool))
    print(
        f"{given.out}: {len(ones)} of {len(pool)} clips, {minutes:.1f} of {total:.1f} minutes, "
        f"by {given.order}"
    )
    if left_out := len(found) - len(pool):
        print(f"{left_out} clips could not be read and are left out")


def positive(text: str) -> float:
    """A number above 0."""
    if not (value := float(text)) > 0:
        raise ValueError
    return value


def main(words: Sequence[str] | None = None) -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--tuned", type=Path, required=True, help="hypotheses, or a model's folder")
    parser.add_argument("--base", type=Path, help="those of another model, to compare with")
    parser.add_argument("--out", type=Path, required=True, help="CSV")
    parser.add_argument("--order", choices=ORDERS, default="confidence", help="default confidence")
    parser.add_argument("--minutes", type=positive, help="of audio, at most; default: all")
    parser.add_argument("--format", choices=FORMATS, default="table", help="default table")
    parser.add_argument("--audio-url", help="URL of the folder of the audio, with its last / or =")
    parser.add_argument("--wavs", type=Path, help="folder to write the chosen clips to, as WAV")
    parser.add_argument("--audio", type=Path, help="folder of audio_path; default: the manifest's")
    parser.add_argument("--prepared", type=Path, default=Path("data/prepared"),
                        help="folder of the audio of this project's manifests")  # fmt: skip
    parser.add_argument("--language", help="ISO 639 code, of rows without one")
    try:
        command(parser.parse_args(words))
    except (InputError, OSError) as error:
        sys.exit(f"rank: {error}")
    except KeyboardInterrupt:
        sys.exit("rank: interrupted; the same command goes on")


if __name__ == "__main__":
    main()
