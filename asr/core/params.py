"""Read and check params.yaml and conf/; Python code has no defaults for their values.

The schema of each section of ``params.yaml`` is a class in ``params.py`` of the package that uses
it. A stage imports the schemas of its own sections, so an edit to training's schema doesn't rerun
preparation. This module finds the others by name, only to check the whole file before a stage runs.

Values of one model family are in a section of the family's name, with ``train`` and ``decode`` in
it. Only the chosen family's section is required.
"""

import importlib
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from asr.core.errors import InputError, faults

PARAMS = Path("params.yaml")
MODELS = Path("conf", "models.yaml")  # beside it
# The module and class of each section's schema.
SCHEMAS = {
    "seed": ("asr.core.params", "Seed"),
    "machine": ("asr.devices.params", "MachineParams"),
    "operations": ("asr.training.operations", "OperationsParams"),
    "fetch": ("asr.sources.params", "FetchParams"),
    "corpora": ("asr.corpora.params", "CorporaParams"),
    "test_sets": ("asr.corpora.params", "TestSetsParams"),
    "prepare": ("asr.preparation.params", "PrepareParams"),
    "audit": ("asr.audit.params", "AuditParams"),
    "split": ("asr.splits.params", "SplitParams"),
    "model": ("asr.families.params", "ModelParams"),
    "train": ("asr.training.params", "TrainParams"),
    "decode": ("asr.decoding.params", "DecodeParams"),
    "lm": ("asr.language_model.params", "LmParams"),
    "align": ("asr.alignment.params", "AlignParams"),
    "export": ("asr.export.params", "ExportParams"),
    "score": ("asr.scoring.params", "ScoreParams"),
    "gates": ("asr.scoring.params", "GatesParams"),
    "guards": ("asr.guards.params", "GuardsParams"),
    "report": ("asr.report.params", "ReportParams"),
    "package": ("asr.packages.params", "PackageParams"),
    "publish": ("asr.packages.params", "PublishParams"),
}

FAMILIES = Path(__file__).parents[1] / "families"
OWN_SECTIONS = {"train": "training", "decode": "decoding"}  # the family's module with the schema

Seed = Annotated[int, Field(strict=True, ge=0, lt=2**31)]

Section = TypeVar("Section", bound=BaseModel)

# What this process has loaded, by file and keys; asr/core/unchanged.py compares it with the files.
loaded: dict[tuple[Path, tuple[str, ...]], Any] = {}


def read_yaml(path: Path) -> Any:
    """Read YAML 1.2: ``1e-5`` is a number and ``no`` a string, unlike in PyYAML's YAML 1.1.

    Raises:
        InputError: if the file can't be read or is no YAML.
    """
    try:
        return deepcopy(_parsed(path.read_text(encoding="utf-8")))
    except (OSError, YAMLError) as error:
        raise InputError(f"{path}: expected YAML, got {error}") from error


@lru_cache(maxsize=32)
def _parsed(text: str) -> Any:
    """The content of a file; a stage reads params.yaml six times, of 0.1 s each."""
    return YAML(typ="safe").load(text)


def load_params(section: str, schema: type[Section], path: Path = PARAMS) -> Section:
    """Check all of ``params.yaml`` and return one section of it.

    Raises:
        InputError: every fault of the file at once, each with section, key, expected and got.
    """
    return schema.model_validate(_load(path, section))


def load_family_params(
    family: str, section: str, schema: type[Section], path: Path = PARAMS
) -> Section:
    """Return section ``<family>.<section>``, such as ``whisper.train``.

    Raises:
        InputError: as ``load_params``.
    """
    return schema.model_validate(_load(path, family, section))


def load_seed(path: Path = PARAMS) -> int:
    """The seed of training and of the bootstrap; the audit and the splits have their own."""
    seed: int = _load(path, "seed")
    return seed


def load_corpora(path: Path = PARAMS) -> list[str]:
    """The names of the corpora, in the order of ``params.yaml``."""
    return list(_load(path, "corpora"))


def load_replay_corpora(path: Path = PARAMS) -> set[str]:
    """The names of the corpora with ``replay: true``: trained on a little, never scored."""
    return {name for name, line in _load(path, "corpora").items() if line.get("replay")}


def load_corpus(name: str, schema: type[Section], path: Path = PARAMS) -> Section:
    """The entry of one corpus, or of a further test set, in ``params.yaml``.

    Raises:
        InputError: as ``load_params``, or if there is no such corpus.
    """
    content = _checked(path)
    section = "test_sets" if name in content["test_sets"] else "corpora"
    if name not in content[section]:
        known = sorted([*content["corpora"], *content["test_sets"]])
        raise InputError(f"{path}: corpora.{name}: no such corpus, there are {known}")
    return schema.model_validate(_load(path, section, name))


def load_block(path: Path, keys: tuple[str, ...], schema: type[Section] | TypeAdapter[Any]) -> Any:
    """The block under ``keys`` of a file in ``conf/``, checked against ``schema``.

    Raises:
        InputError: with the file and the key that is missing or wrong.
    """
    block = read_yaml(path)
    for depth, key in enumerate(keys, start=1):
        if not isinstance(block, dict) or key not in block:
            known = sorted(block) if isinstance(block, dict) else block
            raise InputError(f"{path}: {'.'.join(keys[:depth])}: no such key, there are {known}")
        block = block[key]
    loaded[path, keys] = block
    try:
        if isinstance(schema, TypeAdapter):
            return schema.validate_python(block)
        return schema.model_validate(block)
    except ValidationError as error:
        raise InputError("\n".join(f"{path}: {f}" for f in faults(error, *keys))) from error


def value_of(path: Path, keys: tuple[str, ...]) -> Any:
    """The value under ``keys`` of a YAML file.

    Raises:
        InputError: if the file is no YAML.
        KeyError: if there is no such key.
    """
    value = read_yaml(path)
    for key in keys:
        value = value[key]
    return value


def _load(path: Path, *keys: str) -> Any:
    value: Any = _checked(path)
    for key in keys:
        value = value[key]
    loaded[path, keys] = value
    return value


def _checked(path: Path) -> dict[str, Any]:
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected sections {list(SCHEMAS)}, got {content!r:.80}")
    families = {folder.parent.name for folder in FAMILIES.glob("*/__init__.py")}
    found = [f"{key}: unknown section" for key in content if key not in SCHEMAS.keys() | families]
    checked: dict[str, Any] = {}
    for section, (module, name) in SCHEMAS.items():
        if section not in content:
            found.append(f"{section}: missing section")
            continue
        schema = getattr(importlib.import_module(module), name)
        try:
            checked[section] = TypeAdapter(schema).validate_python(content[section])
        except ValidationError as error:
            found += faults(error, section)
    for family in sorted(families & content.keys()):
        found += _faults_of_family(family, content[family], checked)
    if not found:
        found += _faults_of_test_sets(checked)
    if "model" in checked and not found:
        found += _faults_of_model(checked, families, content)
    if "model" in checked and not found:
        found += _faults_of_languages(checked, path.parent / MODELS)
        found += _faults_of_replay(checked)
    if found:
        raise InputError("\n".join(f"{path}: {fault}" for fault in found))
    return content


def _faults_of_family(family: str, content: Any, checked: dict[str, Any]) -> list[str]:
    """Faults of a family's section; valid subsections are added to ``checked``."""
    if not isinstance(content, dict) or content.keys() != OWN_SECTIONS.keys():
        return [f"{family}: expected sections {list(OWN_SECTIONS)}, got {content!r:.80}"]
    found = []
    for section, role in OWN_SECTIONS.items():
        schema = importlib.import_module(f"asr.families.{family}.{role}").OwnParams
        try:
            checked[f"{family}.{section}"] = schema.model_validate(content[section])
        except ValidationError as error:
            found += faults(error, family, section)
    return found


def _faults_of_model(
    checked: dict[str, Any], families: set[str], content: dict[str, Any]
) -> list[str]:
    """Values that contradict the chosen family."""
    family = checked["model"].family
    if family not in families:
        return [f"model.family: no family {family!r}, there are {sorted(families)}"]
    if family not in content:
        return [f"{family}: missing section, model.family is {family}"]
    found: list[str] = []
    longest_s = importlib.import_module(f"asr.families.{family}.window").MAX_DURATION_S
    if (got := checked["prepare"].max_duration_s) > longest_s:
        found.append(
            f"prepare.max_duration_s: expected at most {longest_s:g}, the longest clip that family "
            f"{family} takes, got {got:g}"
        )
    training = importlib.import_module(f"asr.families.{family}.training")
    sections = checked["train"], checked[f"{family}.train"]
    found += training.faults(*sections)
    if checked["train"].phases and not found:
        found += checked["train"].faults_of_groups(training.groups(*sections))
    return found


def _faults_of_languages(checked: dict[str, Any], models: Path) -> list[str]:
    """Languages of corpora that the chosen model lacks: known here, not after hours."""
    model = checked["model"]
    base = importlib.import_module(f"asr.families.{model.family}.base")
    block = None
    if models.is_file():
        block = load_block(models, (model.family, model.name), base.Block)
    lines = {
        f"{section}.{name}": line
        for section in ("corpora", "test_sets")
        for name, line in checked[section].items()
    }
    return [
        f"{key}.language: {fault}, got {line.language!r}"
        for key, line in lines.items()
        if (fault := base.language_fault(line.language, block))
    ]


def _faults_of_test_sets(checked: dict[str, Any]) -> list[str]:
    """Test sets with a name that means something else: folders and stages have these names."""
    taken = {*checked["corpora"], "train", "dev", "test", "replay"}
    return [
        f"test_sets.{name}: expected another name than a corpus or split has, such as {name}_test"
        for name in checked["test_sets"]
        if name in taken
    ]


def _faults_of_replay(checked: dict[str, Any]) -> list[str]:
    """Replay corpora that are scored too or are all that there is, and a share of none."""
    corpora, share = checked["corpora"], checked["train"].replay.share
    replayed = {name: corpus for name, corpus in corpora.items() if corpus.replay}
    if share and not replayed:
        return [f"train.replay.share: expected 0 without replay: true in corpora, got {share:g}"]
    if len(replayed) == len(corpora):
        return [
            f"corpora: expected one to tune on and score, got replay: true in all of "
            f"{sorted(corpora)}"
        ]
    scored = {
        (corpus.source, corpus.format, corpus.language): name
        for name, corpus in corpora.items()
        if name not in replayed
    }
    return [
        f"corpora.{name}.replay: expected recordings that are not scored, got source, format and "
        f"language of {scored[same]}"
        for name, corpus in replayed.items()
        if (same := (corpus.source, corpus.format, corpus.language)) in scored
    ]
