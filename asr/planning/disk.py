"""Disk and remote storage that a run needs, by what they hold."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from asr.families.protocols import CachesEncoder
from asr.planning.clips import PlannedClips
from asr.planning.devices import CorpusRates
from asr.planning.planned_run import PlannedRun

CHECKPOINTS = 3  # at once: the last two, and the one being written
BEST = 2  # files of best weights that they refer to
HALF = 2  # bytes of a number in the encoder cache
REMOTE = ("source files", "prepared shards", "base model", "tuned model", "exports")


def disk_bytes(
    run: PlannedRun,
    clips: PlannedClips,
    rates: CorpusRates,
    export_formats: Sequence[str],
    data: Path | None,
) -> dict[str, float]:
    """Bytes by content; what is there already is measured, the rest follows from the model.

    Args:
        run: of the configuration.
        clips: of the run.
        rates: section ``corpus`` of ``conf/devices.yaml``.
        export_formats: ``export.formats``.
        data: folder with ``raw`` and ``prepared``; None for a corpus that is not there.
    """
    hours, weights = clips.all_seconds / 3600, run.weight_bytes
    found = {
        "source files": _measured(data, "raw") or 1e6 * rates.raw_mb_per_hour * hours,
        "prepared shards": _measured(data, "prepared") or 1e6 * rates.prepared_mb_per_hour * hours,
        "base model": float(weights.whole),
        # Each holds weights, average and two moments.
        "training's checkpoints": float((CHECKPOINTS * 4 + BEST) * weights.learned),
        "tuned model": float(weights.whole),
        "exports": sum(_export_share(name) * weights.whole for name in export_formats),
    }
    trainee = run.sized.trainee
    if isinstance(trainee, CachesEncoder) and trainee.cache_encoder:
        positions = sum(
            trainee.num_positions(trainee.seconds(one.duration_s)) for one in run.utterances
        )
        found["encoder cache"] = HALF * trainee.encoder_width * positions * clips.share
    return found


def remote_bytes(disk: Mapping[str, float]) -> float:
    """Bytes of a DVC remote that holds one version of everything that DVC pushes."""
    return sum(disk[name] for name in REMOTE)


def _measured(data: Path | None, name: str) -> float:
    if data is None:
        return 0.0
    folder = data / name
    return float(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()))


def _export_share(name: str) -> float:
    """Size of an export over that of the float32 weights."""
    if name == "adapter":
        return 0.02
    for sign, share in (("float16", 0.5), ("int8", 0.25), ("q8", 0.27), ("q5", 0.18)):
        if sign in name:
            return share
    return 1.0
