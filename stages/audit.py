"""Check every transcript of a corpus with a model that was not trained on it."""

from contextlib import ExitStack
from functools import partial
from pathlib import Path

from asr.audit.corpus import audit_utterances
from asr.audit.faults import Fault, sampled_sentence, stop_if_bad, summary
from asr.audit.listening import default_folder, judge_version, open_on_machine, open_on_worker
from asr.audit.params import AuditParams
from asr.audit.table import worst_first, write_audit
from asr.core.cli import run
from asr.core.files import write_json
from asr.core.params import load_params
from asr.core.result_cache import result_cache
from asr.devices.params import MachineParams
from asr.families.protocols import Judge, family_module
from asr.utterances.shards import Waveforms, read_utterances
from asr.workers.ray_models import ray_models
from asr.workers.workers import chosen_workers


def audit(corpus: str, judge: Path, prepared: Path, out: Path, metrics: Path) -> None:
    """Check every transcript of a corpus with a model that was not trained on it.

    Args:
        corpus: its key in ``params.yaml``.
        judge: folder of the model that checks.
        prepared: ``data/prepared``, with one folder a corpus.
        out: CSV of all utterances with their measures and faults, worst first.
        metrics: JSON with counts by fault and the verdict on the corpus.

    Raises:
        InputError: if the share of faulty utterances is above ``audit.stop_share``; with
            ``audit.sample`` below 1, the upper end of the share's interval.
    """
    params = load_params("audit", AuditParams)
    machine = load_params("machine", MachineParams)
    family = family_module(params.judge.family, "judge")
    utterances = read_utterances(prepared / corpus)
    scope = family.judge_scope(judge, params)
    waveforms = Waveforms(prepared, utterances)
    workers = chosen_workers()
    with ExitStack() as stack:
        if workers.kind == "ray":
            open_one = partial(open_on_worker, params)
            may_use_gpus = machine.device in ("auto", "cuda")
            on_cluster = ray_models(open_one, judge, workers.num, may_use_gpus=may_use_gpus)
            cluster = stack.enter_context(on_cluster)
            model: Judge = cluster
            device = cluster.device
        else:
            model, device = open_on_machine(params, judge, machine)
        version = judge_version(params.judge.family, judge, params.precision, device)
        cache = stack.enter_context(result_cache(default_folder(corpus)))
        rows = audit_utterances(model, scope, waveforms, utterances, params, cache, version)
    write_audit(out, rows)
    faults = [Fault(row.fault) if row.fault else None for row in rows if row.judged]
    num_taken = sum(scope.takes(one.language, one.duration_s) for one in utterances)
    num_not_drawn = num_taken - len(faults)
    summarized = summary(faults, len(rows) - num_taken, params, num_not_drawn)
    summarized["num_dropped"] = sum(row.keep == "no" for row in rows)
    write_json(metrics, summarized)
    if num_not_drawn:
        print(sampled_sentence(corpus, summarized, params))
    worst = [f"{row.id}: {row.fault}: {row.text!r:.60}" for row in worst_first(rows) if row.fault]
    stop_if_bad(corpus, summarized, worst, params, out)


if __name__ == "__main__":
    run(audit)
