"""Judge every utterance of a corpus by a model that did not train on it."""

from contextlib import ExitStack
from pathlib import Path

from asr.audit.answer_cache import remembered
from asr.audit.corpus import audit_utterances
from asr.audit.faults import Fault, stop_if_bad, summary
from asr.audit.listening import Judge, default_folder, judge_version
from asr.audit.params import AuditParams
from asr.audit.ray_judge import ray_judge
from asr.audit.table import worst_first, write_audit
from asr.core.cli import run
from asr.core.files import write_json
from asr.core.params import load_params, load_seed
from asr.devices.params import MachineParams
from asr.families import family_module
from asr.families.params import ModelParams
from asr.utterances.shards import Waveforms, read_utterances
from asr.workers.workers import chosen_workers


def audit(corpus: str, model: Path, prepared: Path, out: Path, metrics: Path) -> None:
    """Judge every utterance of a corpus by a model that did not train on it.

    Args:
        corpus: its line in ``params.yaml``.
        model: folder of the base model.
        prepared: folder of the corpora's prepared folders.
        out: CSV of all utterances with their measures and faults, worst first.
        metrics: JSON with counts by fault and what follows from them.
    """
    params = load_params("audit", AuditParams)
    family = load_params("model", ModelParams).family
    num_threads = load_params("machine", MachineParams).num_threads
    utterances = read_utterances(prepared / corpus)
    judge: Judge = family_module(family, "judge.judge").open_judge(
        model, params.precision, num_threads
    )
    waveforms = Waveforms(prepared, utterances)
    workers = chosen_workers()
    with ExitStack() as stack:
        if workers.kind == "ray":
            judge = stack.enter_context(
                ray_judge(judge, family, model, params.precision, workers.num)
            )
        version = judge_version(family, model, params.precision)
        before = stack.enter_context(remembered(default_folder(corpus), version))
        rows = audit_utterances(judge, waveforms, utterances, params, load_seed(), before)
    write_audit(out, rows)
    faults = [Fault(row.fault) if row.fault else None for row in rows]
    summarized = summary(faults, params)
    summarized["num_dropped"] = sum(row.keep == "no" for row in rows)
    write_json(metrics, summarized)
    worst = [f"{row.id}: {row.fault}: {row.text!r:.60}" for row in worst_first(rows) if row.fault]
    stop_if_bad(corpus, summarized, worst, params, out)


if __name__ == "__main__":
    run(audit)
