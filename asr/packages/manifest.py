"""``run_manifest.json``: what a package was made from, with which values, and how well it does.

It has no commit, time or machine: equal inputs give equal bytes. ``commands.package_info`` has
those.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

from asr.core.errors import InputError
from asr.core.files import read_json, sha256_of
from asr.core.params import MODELS, PARAMS, load_block, loaded, read_yaml
from asr.packages.checks import check_all
from asr.packages.data import describe_corpora, describe_split, read_splits
from asr.packages.licenses import OTHER, derive, forbidding, hub_identifier
from asr.packages.measured import (
    Measured,
    guards_without_examples,
    read_measured,
    scores,
    slices,
)
from asr.packages.params import PackageParams, PretrainedParams

MANIFEST = "run_manifest.json"
TRANSFORMERS = "transformers"
OWN = "own"  # the tuned model's own folder, where no class of transformers can load the model
SCHEMA = 1  # of the manifest; higher where a key changes its meaning
TUNED = "models/tuned"
SPLITS = ("train", "dev", "test", "replay")
# What the stage `package` reads; dvc.yaml lists the same as its deps.
METRICS = (
    "score/base.json", "score/tuned.json", "compare.json", "scorecard.json", "guards.json",
    "alignment.json", "train.json", "parity.json",
)  # fmt: skip
TEST_SET_METRICS = ("data.json", "compare.json", "base.json", "tuned.json")
# Of these sections all that changes a result; a server's address is this machine's.
HYPERPARAMETERS = ("seed", "model", "split", "train", "decode")


def locked_paths(manifests: Path, metrics: Path, export: Path, test_sets: list[str]) -> list[str]:
    """The inputs of the package whose digests ``dvc.lock`` has."""
    found = [export, Path(TUNED), *(manifests / f"{split}.jsonl" for split in SPLITS)]
    found += [metrics / name for name in METRICS]
    found += [metrics / "test_sets" / one / name for one in test_sets for name in TEST_SET_METRICS]
    return [str(path) for path in found]


def lock_digests(lock: Path, paths: list[str]) -> dict[str, str]:
    """MD5 of each path, as ``dvc.lock`` has it.

    Raises:
        InputError: if it lacks one.
    """
    # PyYAML takes a seventh of ruamel.yaml's time; only hashes and paths are read here.
    content = yaml.load(lock.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    found = {
        out["path"]: out["md5"]
        for stage in content["stages"].values()
        for out in stage.get("outs", ())
        if "md5" in out
    }
    if missing := [path for path in paths if path not in found]:
        raise InputError(f"{lock}: expected outs {missing}, got none; `dvc repro` makes them")
    return {path: found[path] for path in sorted(paths)}


def run_manifest(
    params: PackageParams, manifests: Path, metrics: Path, export: Path, lock: Path,
    test_sets: list[str],
) -> dict[str, Any]:  # fmt: skip
    """Read all inputs of the package and describe it.

    Args:
        params: section ``package``.
        manifests: folder with the manifest of each split.
        metrics: folder of the metrics.
        export: folder of the exports.
        lock: ``dvc.lock``.
        test_sets: names of the further test sets.

    Raises:
        InputError: if inputs do not belong together; names the file.
        OSError: if one is missing.
    """
    paths = {split: manifests / f"{split}.jsonl" for split in SPLITS}
    splits = read_splits(paths)
    measured = read_measured(metrics, test_sets, sha256_of(paths["test"]))
    values = _values()
    model = values["model"]
    family = model["family"]
    corpora = describe_corpora(splits)
    pretrained = params.bases.get(family, {}).get(model["name"])
    of = {name: one["licenses"] for name, one in corpora.items()}
    of |= {"the base model": pretrained.licenses if pretrained else ["not said"]}
    forbidden = forbidding(of)
    hyperparameters = {section: values[section] for section in HYPERPARAMETERS}
    hyperparameters["decode"] = _without(values["decode"], "server")
    hyperparameters["lm"] = {"weight": values["lm"]["weight"]}
    if unknown := sorted(params.benchmarks.keys() - set(test_sets)):
        raise InputError(
            f"params.yaml: package.benchmarks.{unknown[0]}: expected a name of test_sets, which "
            f"are {test_sets}"
        )
    manifest = {
        "schema": SCHEMA,
        "name": params.name,
        "version": params.version,
        "description": params.description,
        "family": family,
        "base": _base(family, model["name"], pretrained),
        "hyperparameters": {**hyperparameters, family: values[family]},
        "data": {split: describe_split(paths[split], splits[split]) for split in SPLITS},
        "corpora": corpora,
        "lock": lock_digests(lock, locked_paths(manifests, metrics, export, test_sets)),
        "license": _license(params, of, forbidden),
        **_figures(measured, test_sets),
        "checks": check_all(measured, forbidden, params.max_faulty_labels),
        "required": params.require,
        "exports": _chosen(read_json(export / "export.json"), params.formats, export),
        "benchmarks": {name: one.model_dump() for name, one in params.benchmarks.items()},
    }
    # In the order of the file, so that a card made from the file is the same.
    ordered: dict[str, Any] = json.loads(json.dumps(manifest, sort_keys=True))
    return ordered


def _values() -> dict[str, Any]:
    """The sections of ``params.yaml`` that the manifest has, noted as read by this process."""
    content: dict[str, Any] = read_yaml(PARAMS)
    for section in (*HYPERPARAMETERS, "lm", content["model"]["family"]):
        loaded[PARAMS, (section,)] = content[section]
    return content


def _figures(measured: Measured, test_sets: list[str]) -> dict[str, Any]:
    views = measured.score["tuned"]["views"]
    keys = ("wer", "cer", "wer_interval", "normalizers", "num_utterances")
    return {
        "scores": scores(measured),
        "confidence": measured.compare["confidence"],
        "views": {name: {key: view[key] for key in keys} for name, view in views.items()},
        "normalizers": measured.score["tuned"]["normalizers"],
        "slices": slices(measured),
        "worst_slice": measured.score["tuned"]["worst_slice"],
        "guards": guards_without_examples(measured.guards),
        "gates": measured.gates,
        "parity": measured.parity,
        "word_times": measured.alignment,
        "labels": measured.labels,
        "test_sets": {
            name: {
                "test_sha256": measured.test_sets[name]["data"]["test_sha256"],
                "views": {
                    view: {key: one[key] for key in keys}
                    for view, one in measured.test_sets[name]["tuned"]["views"].items()
                },
            }
            for name in test_sets
        },
    }


def _base(family: str, name: str, pretrained: PretrainedParams | None) -> dict[str, Any]:
    block = load_block(MODELS, (family, name), TypeAdapter(dict[str, Any]))
    return {
        "block": f"{family}.{name}",
        "repos": pretrained.repos if pretrained else [],
        "licenses": pretrained.licenses if pretrained else [],
        "weights": _without_folders(block),
    }


def _without_folders(value: Any) -> Any:
    """The block without paths of this machine: of a folder only its name."""
    if isinstance(value, dict):
        return {
            key: Path(one).name if key == "path" else _without_folders(one)
            for key, one in value.items()
        }
    return [_without_folders(one) for one in value] if isinstance(value, list) else value


def _license(
    params: PackageParams, of: Mapping[str, list[str]], forbidden: Mapping[str, Any]
) -> dict[str, Any]:
    derived = derive(spdx for licenses in of.values() for spdx in licenses)
    spdx = params.license or derived.spdx
    return {
        "spdx": spdx,
        "hub": hub_identifier(spdx) if spdx else OTHER,
        "is_derived": not params.license,
        "of": dict(of),
        "incompatible": [list(pair) for pair in derived.incompatible],
        "forbidding": dict(forbidden),
    }


def export_folder(export: Path, name: str) -> Path:
    """Where the files of one export are."""
    return Path(TUNED) if name == OWN else export / name


def _chosen(exported: Mapping[str, Any], formats: list[str], export: Path) -> dict[str, Any]:
    """The exports that the package holds, and why others are left out.

    A model that transformers can't load is in the package as it is, for ``commands.predict``.

    Raises:
        InputError: if there is none of ``formats``.
    """
    found = {name: one for name, one in exported["formats"].items() if name in formats}
    if TRANSFORMERS in formats and TRANSFORMERS in exported["left_out"]:
        found[OWN] = _own_folder()
    if not found:
        raise InputError(
            f"params.yaml: package.formats: expected one of {sorted(exported['formats'])}, which "
            f"{export} has, got {formats}"
        )
    absent = "not in export.formats of params.yaml"
    left_out = {
        name: exported["left_out"].get(name, absent) for name in formats if name not in found
    }
    return {"formats": found, "left_out": left_out}


def _own_folder() -> dict[str, Any]:
    """The tuned model as ``export.json`` describes an export."""
    paths = [path for path in Path(TUNED).rglob("*") if path.is_file()]
    return {
        "runtime": "commands.predict",
        "bytes": sum(path.stat().st_size for path in paths),
        "files": {str(path.relative_to(TUNED)): sha256_of(path) for path in paths},
    }


def _without(section: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in section.items() if name != key}
