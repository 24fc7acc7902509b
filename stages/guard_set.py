"""Make the clips of the guards: sounds without speech, joined speech, other languages."""

from functools import partial
from pathlib import Path

from pydantic import TypeAdapter

from asr.core.cli import run
from asr.core.files import atomic_folder
from asr.core.params import MODELS, PARAMS, load_block, load_params
from asr.corpora.params import CorporaParams
from asr.families.params import ModelParams
from asr.families.protocols import family_module
from asr.guards.clips.clip_set import made_clips, other_clips, same_source, write_clips
from asr.guards.params import GuardsParams
from asr.preparation.params import PrepareParams
from asr.splits.params import SplitParams
from asr.utterances.utterance import read_manifest, write_manifest


def guard_set(
    others: Path, prepared: Path, train: Path, dev: Path, test: Path, replay: Path, out: Path
) -> None:
    """Make the clips of the guards: sounds without speech, joined speech, other languages.

    Args:
        others: folder that the stage ``guard_others`` wrote.
        prepared: ``data/prepared``.
        train: manifest of the training set.
        dev: manifest of the set that chooses the weights.
        test: manifest of the test set, whose clips are joined.
        replay: manifest of the clips to replay.
        out: folder for ``prepared/``, ``manifest.jsonl`` and ``timestamps.jsonl``.
    """
    params = load_params("guards", GuardsParams)
    model = load_params("model", ModelParams)
    family = family_module(model.family, "base")
    block = None
    if MODELS.is_file():
        block = load_block(MODELS, (model.family, model.name), family.Block)
    lines = {}
    for name, line in params.others.items():
        if fault := family.language_fault(line.language, block):
            print(f"guards.others.{name}: not measured; {fault}")
        else:
            lines[name] = line
    seen = {path.stem: read_manifest(path) for path in (train, dev, replay)}
    corpora = load_block(PARAMS, ("corpora",), TypeAdapter(CorporaParams))
    drawn = other_clips(lines, others, seen, partial(same_source, corpora),
                        load_params("split", SplitParams))  # fmt: skip
    made, timed = made_clips(read_manifest(test), prepared, params,
                             load_params("prepare", PrepareParams))  # fmt: skip
    with atomic_folder(out) as partial_out:
        written = write_clips([*made, *drawn, *timed], partial_out / "prepared")
        to_time = {clip.utterance.id for clip in timed}
        write_manifest(
            partial_out / "manifest.jsonl", (one for one in written if one.id not in to_time)
        )
        write_manifest(
            partial_out / "timestamps.jsonl", (one for one in written if one.id in to_time)
        )


if __name__ == "__main__":
    run(guard_set)
