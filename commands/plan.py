"""Hours, GPU memory, disk, remote storage and money for a configuration, before it runs.

    python -m commands.plan                                    # params.yaml as it is
    python -m commands.plan qwen3_asr -S train.batch_seconds=30   # recipes, and values of your own
    python -m commands.plan whisper_lora --hours 100           # of a corpus that is not there yet

Clips come from ``data/manifests``, or as many as ``metrics/data.json`` counts. The family's own
code runs on tensors without values: no GPU is needed, and hardly any memory. Prints a table and
writes ``PLANNING.md``. Devices and prices are in ``conf/devices.yaml``.
"""

import argparse
import math
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from asr.core.errors import InputError
from asr.core.files import atomic_file
from asr.core.params import MODELS, load_block, load_family_params, load_params, load_seed
from asr.devices.params import MachineParams
from asr.experiments.recipes import add_options, combine, edited, written
from asr.export.params import ExportParams
from asr.families.params import ModelParams
from asr.families.protocols import family_module
from asr.planning.clips import planned_clips
from asr.planning.devices import DevicesFile, read_devices
from asr.planning.disk import disk_bytes
from asr.planning.estimate import Plan, device_rows
from asr.planning.memory import memory_parts, variants
from asr.planning.page import page, summary
from asr.planning.planned_run import Configuration, PlannedRun
from asr.planning.sized_model import sized_model
from asr.preparation.params import PrepareParams
from asr.training.distributed.sharding import check_shardable, layers_to_shard
from asr.training.params import TrainParams

PAGE = Path("PLANNING.md")


def plan(
    recipes: Sequence[str], options: Sequence[str], hours: float | None, conf: DevicesFile
) -> Plan:
    """Plan a configuration: params.yaml with recipes and values.

    Raises:
        InputError: if a recipe, a value, the clips or the model's configs are missing or wrong, or
            training can't shard the weights.
    """
    combined = combine(recipes)
    add_options(combined, options)
    content, _ = edited(combined)
    with tempfile.TemporaryDirectory() as folder:
        path = written(content, Path(folder))
        chosen = load_params("model", ModelParams, path)
        train = load_params("train", TrainParams, path)
        role = family_module(chosen.family, "training")
        own = load_family_params(chosen.family, "train", role.OwnParams, path)
        machine = load_params("machine", MachineParams, path)
        config = Configuration(chosen.family, chosen.name, train, own, load_seed(path), machine)
        formats = load_params("export", ExportParams, path).formats
        longest_s = load_params("prepare", PrepareParams, path).max_duration_s
        base = family_module(chosen.family, "base")
        block = load_block(MODELS, (chosen.family, chosen.name), base.Block)
    if machine.shard_weights:
        check_shardable(train)
    clips = planned_clips(train.replay, conf.corpus.chars_per_s, longest_s, hours)
    with sized_model(chosen.family, block) as model:
        run = PlannedRun(config, model, clips)
        if machine.shard_weights:
            layers_to_shard(run.sized.trainee)
        cost = run.cost()
        found = variants(run, cost, model, conf.memory)
    parts = memory_parts(
        cost.weights, cost.work.peak_bytes, conf.memory, machine, accumulates=run.accumulates
    )
    disk = disk_bytes(
        run, clips, conf.corpus, list(formats), Path("data") if hours is None else None
    )
    return Plan(run, cost, parts, device_rows(run, cost, parts, conf), found, disk)


def main(words: Sequence[str] | None = None) -> int:
    """Print the plan and write ``PLANNING.md``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipes", nargs="*", metavar="RECIPE", help="a file of recipes/, no .yaml")
    parser.add_argument("-S", "--set-param", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--hours", type=float, help="of train, in place of the corpora's clips")
    given = list(sys.argv[1:] if words is None else words)
    arguments = parser.parse_args(given)
    hours = arguments.hours
    if hours is not None and not (math.isfinite(hours) and hours > 0):
        parser.error(f"--hours: expected a number above 0, got {hours:g}")
    try:
        conf = read_devices()
        found = plan(arguments.recipes, arguments.set_param, hours, conf)
    except (InputError, OSError) as error:
        sys.exit(f"plan: {error}")
    command = shlex.join(["python", "-m", "commands.plan", *given])
    with atomic_file(PAGE) as partial:
        partial.write_text(page(found, conf, command), encoding="utf-8")
    print(summary(found))
    print(f"\n{PAGE} has the rest: what fits, memory, disk, prices")
    return 0


if __name__ == "__main__":
    sys.exit(main())
