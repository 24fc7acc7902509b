"""Recall, precision and speed of the audit on planted faults.

    python -m benchmarks.audit --corpus ru --foreign be --seed 7

This needs both prepared corpora and models/base. The thresholds of params.yaml were chosen on be
and bg with seed 0, so use other languages and seeds as unseen data.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from asr.audit.corpus import audit_utterances
from asr.audit.params import AuditParams
from asr.audit.table import AuditRow, write_audit
from asr.core.params import load_params
from asr.core.result_cache import NO_CACHE
from asr.devices.params import MachineParams
from asr.families.whisper.judge import judge_scope, open_judge
from asr.utterances.shards import read_utterances, read_waveforms
from benchmarks.measure import timed, write_result
from benchmarks.planting import KINDS, Planted, plant

SHARE = 0.05  # of the utterances, for each kind of fault


def figures(planted: Planted, rows: Sequence[AuditRow]) -> dict[str, Any]:
    """Recall by kind and overall, precision overall, and the audit's faults for each kind.

    Any fault of the audit counts as a find: it may well call a swapped transcript truncated.
    Precision counts every flagged utterance without a planted fault as a false alarm, although some
    of them are bad in the corpus itself.
    """
    flagged = [bool(row.fault) for row in rows]
    recall = {}
    called: dict[str, dict[str, int]] = {}
    for kind in KINDS:
        places = [i for i, k in planted.kinds.items() if k == kind]
        recall[kind] = round(sum(flagged[i] for i in places) / max(1, len(places)), 3)
        names = [rows[i].fault or "sound" for i in places]
        called[kind] = {name: names.count(name) for name in sorted(set(names))}
    false = [row for i, row in enumerate(rows) if row.fault and i not in planted.kinds]
    found = sum(flagged[i] for i in planted.kinds)
    names = [row.fault for row in false]
    return {
        "num_utterances": len(rows),
        "num_planted": len(planted.kinds),
        "recall": recall | {"overall": round(found / len(planted.kinds), 3)},
        "precision": round(found / max(1, found + len(false)), 3),
        "called": called | {"sound": {name: names.count(name) for name in sorted(set(names))}},
    }


def main(arguments: argparse.Namespace) -> None:
    """Plant, audit, count."""
    utterances = read_utterances(arguments.prepared / arguments.corpus)
    foreign = read_utterances(arguments.prepared / arguments.foreign)
    planted = plant(
        utterances,
        read_waveforms(arguments.prepared, utterances),
        {utterance.id.partition("/")[2]: utterance.text for utterance in foreign},
        SHARE,
        arguments.seed,
    )
    params = load_params("audit", AuditParams).model_copy(update={"seed": arguments.seed})
    threads = load_params("machine", MachineParams).num_threads
    judge = open_judge(arguments.model, params, threads)
    scope = judge_scope(arguments.model, params)
    with timed() as timing:
        clips = planted.waveforms, planted.utterances
        rows = audit_utterances(judge, scope, *clips, params, NO_CACHE, "")
    if arguments.rows:
        write_audit(arguments.rows, rows)
    result = {
        "corpus": arguments.corpus,
        "foreign": arguments.foreign,
        "seed": arguments.seed,
        "share_of_each": SHARE,
        "audio_s": round(sum(u.duration_s for u in planted.utterances), 1),
        "cpu_s": round(timing.cpu_s, 1),
        "wall_s": round(timing.wall_s, 1),
        "cpu_ms_a_clip": round(1000 * timing.cpu_s / len(rows), 1),
        "params": params.model_dump(),
        **figures(planted, rows),
    }
    write_result(f"audit_{arguments.corpus}", result, keep=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--foreign", required=True, help="same sentences in another language")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--prepared", type=Path, default=Path("data/prepared"))
    parser.add_argument("--model", type=Path, default=Path("models/base"))
    parser.add_argument("--rows", type=Path, help="CSV to write every row to")
    main(parser.parse_args())
