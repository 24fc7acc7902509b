"""The model card, ``README.md``, and ``.eval_results/``: both are functions of the run manifest."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import (
    EvalResult,
    EvalResultEntry,
    ModelCardData,
    eval_result_entries_to_yaml,
)
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from asr.packages.card_tables import (
    checks_table,
    corpora_table,
    files_table,
    guards_table,
    scores_table,
    slices_table,
)
from asr.packages.data import hub_datasets
from asr.packages.licenses import OTHER
from asr.packages.markdown import Markdown, escaped
from asr.packages.usage import usages

CARD = "README.md"
EVAL_RESULTS = ".eval_results"  # https://huggingface.co/docs/hub/eval-results
TASK = "automatic-speech-recognition"


def render_card(manifest: Mapping[str, Any], notices: Sequence[str] = ()) -> str:
    """The card in Markdown, with the hub's front matter.

    Args:
        manifest: ``run_manifest.json``.
        notices: sentences for the top of the card, such as why it was published nevertheless.
    """
    # `finalize` escapes the value of every expression, so that no template can forget it.
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        undefined=StrictUndefined, finalize=escaped, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True,
    )  # fmt: skip
    checks = manifest["checks"]
    return environment.get_template("card.md.j2").render(
        one=manifest,
        front=Markdown(front_matter(manifest)),
        notices=notices,
        failed=[name for name, check in checks.items() if check["status"] == "fail"],
        scores=scores_table(manifest["scores"]),
        slices=slices_table(manifest["slices"]),
        checks=checks_table(checks, manifest["required"]),
        guards=guards_table(manifest["guards"]),
        corpora=corpora_table(manifest["corpora"]),
        files=files_table(manifest["exports"]["formats"]),
        usages=[(each.tool, each.note, each.syntax, Markdown(each.code)) for each in
                usages(manifest)],
        no_speakers=sorted(
            name for name, one in manifest["corpora"].items() if not one["num_speakers"]
        ),
    )  # fmt: skip


def front_matter(manifest: Mapping[str, Any]) -> str:
    """The hub's metadata as YAML, from the hub's own classes."""
    spdx, hub = manifest["license"]["spdx"], manifest["license"]["hub"]
    repos = manifest["base"]["repos"]
    content: str = ModelCardData(
        language=sorted(manifest["data"]["train"]["languages"]),
        license=hub,
        license_name=(spdx or "see-below").lower() if hub == OTHER else None,
        library_name="transformers" if "transformers" in manifest["exports"]["formats"] else None,
        pipeline_tag=TASK,
        tags=[TASK, manifest["family"].replace("_", "-")],
        base_model=repos[0] if len(repos) == 1 else repos or None,
        base_model_relation="finetune" if repos else None,
        datasets=hub_datasets(manifest["corpora"]) or None,
        metrics=["wer", "cer"],
        model_name=manifest["name"],
        eval_results=list(_eval_results(manifest)),
    ).to_yaml(line_break="\n")
    return content.strip()


def eval_result_files(manifest: Mapping[str, Any]) -> dict[str, str]:
    """``.eval_results/<test set>.yaml`` for each test set that is a benchmark of the hub."""
    found = {}
    for name, benchmark in sorted(manifest["benchmarks"].items()):
        view = manifest["test_sets"][name]["views"][benchmark["view"]]
        entry = EvalResultEntry(
            dataset_id=benchmark["dataset"],
            task_id=benchmark["task"],
            value=percent(view["wer"]),
            notes=f"WER in percent of {view['num_utterances']} utterances, normalized by "
            f"{', '.join(sorted(set(view['normalizers'].values())))}",
        )
        content = yaml.safe_dump(
            eval_result_entries_to_yaml([entry]), sort_keys=False, allow_unicode=True
        )
        found[f"{EVAL_RESULTS}/{name}.yaml"] = content
    return found


def percent(rate: float) -> float:
    """A fraction in percent, as the hub's cards have error rates."""
    return round(100 * rate, 2)


def _eval_results(manifest: Mapping[str, Any]) -> Iterable[EvalResult]:
    """WER and CER of the tuned model on each test set; groups of one are in the card alone."""
    for name, score in manifest["scores"].items():
        if name != "test" and name not in manifest["test_sets"]:
            continue
        dataset = manifest["benchmarks"].get(name, {}).get("dataset", f"{manifest['name']}-{name}")
        for metric in ("wer", "cer"):
            if score[metric]["tuned"] is not None:
                yield EvalResult(
                    task_type=TASK,
                    dataset_type=dataset,
                    dataset_name=f"{name} of {manifest['name']}",
                    dataset_split="test",
                    metric_type=metric,
                    metric_name=f"{metric.upper()}, percent",
                    metric_value=percent(score[metric]["tuned"]),
                )
