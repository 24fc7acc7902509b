"""What is written down of a withdrawal: ``metrics/withdrawals/<corpus>-<time>.json``.

It names no utterance: they stand in it by their hashes. With these a later run finds the same again
in a remote, when nothing else is left.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from asr.core.files import read_json, write_json
from asr.withdrawal.lineage import WORKSPACE, Model
from asr.withdrawal.traces import Traces

PROOFS = Path("metrics/withdrawals")


@dataclass
class Proof:
    """What is written down; see ``asr/withdrawal/traces.py`` for what ``sha256_…`` are of."""

    corpus: str
    withdrawn: dict[str, list[str]]
    at: str
    sha256_of_ids: list[str]
    sha256_of_samples: list[str]
    sha256_of_recordings: list[str]
    models: list[dict[str, Any]]
    rerun: str = ""
    removed: dict[str, list[str]] = field(default_factory=dict)
    searched: dict[str, int] = field(default_factory=dict)
    left: dict[str, list[str]] = field(default_factory=dict)
    not_searched: list[str] = field(default_factory=list)

    def write(self) -> Path:
        """Write it, under the same name each time."""
        path = PROOFS / f"{self.corpus}-{self.at.replace(':', '')}.json"
        write_json(path, asdict(self))
        return path


def new_proof(traces: Traces, models: list[Model]) -> Proof:
    """A proof of which nothing is done yet."""
    return Proof(
        corpus=traces.corpus,
        withdrawn=traces.withdrawn.model_dump(),
        at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        sha256_of_ids=sorted(traces.ids),
        sha256_of_samples=sorted(traces.samples),
        sha256_of_recordings=sorted(traces.files),
        models=[
            asdict(model) | {"without_it": _retraining(model, traces)}
            for model in models
            if model.saw is not False
        ],
    )


def earlier_proofs(traces: Traces) -> list[dict[str, Any]]:
    """Proofs that the same was withdrawn before."""
    asked = {"corpus": traces.corpus, "withdrawn": traces.withdrawn.model_dump()}
    proofs = [read_json(path) for path in sorted(PROOFS.glob(f"{traces.corpus}-*.json"))]
    return [proof for proof in proofs if proof | asked == proof]


def learn_proofs(proofs: Iterable[Mapping[str, Any]], traces: Traces) -> None:
    """Know again what earlier runs removed."""
    for proof in proofs:
        traces.ids |= set(proof["sha256_of_ids"])
        traces.samples |= set(proof["sha256_of_samples"])
        traces.files |= set(proof["sha256_of_recordings"])


def _retraining(model: Model, traces: Traces) -> str:
    """What to type for the same model without what is withdrawn."""
    if WORKSPACE in model.commits:
        return "dvc repro"
    rule = ", ".join(f"{key}: {value}" for key, value in traces.withdrawn if value)
    bring = f"exp apply {model.experiments[0]}" if model.experiments else ""
    bring = f"dvc {bring}" if bring else f"git switch --detach {model.commits[0][:12]}"
    return f'{bring}; dvc exp run -S "+corpora.{traces.corpus}.withdrawn={{{rule}}}"'
