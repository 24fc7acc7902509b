"""Inputs of stage ``package``, as the stages before it write them; models are of a few bytes."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from asr.core.files import read_json, sha256_of, write_json
from asr.packages.manifest import SPLITS, TUNED, locked_paths
from asr.utterances.utterance import write_manifest
from tests.examples import utterance

WER = 0.5377
ROOT = Path(__file__).parent.parent
EXPORTS = {  # by format: the runtime and the files
    "transformers": ("transformers 5", {"config.json": '{"model_type": "whisper"}\n',
                                        "model.safetensors": "weights"}),
    "ctranslate2_int8": ("faster-whisper 1", {"model.bin": "int8", "config.json": "{}"}),
    "ggml_float16": ("pywhispercpp 1", {"ggml-model.bin": "q5_1"}),
}  # fmt: skip
SOURCE = "tuxpaint-stamps-default=2022:usr/share/a.ogg"
HUB_SOURCE = f"me/clips/he@{'a' * 40}:clips/a.wav"


def write_inputs(folder: Path, licenses: Mapping[str, str] | None = None) -> None:
    """Fill the folder, which is the working directory of the stage that reads it.

    Args:
        folder: empty.
        licenses: by corpus that the model saw; its languages are be for ``be`` and he for the rest.
    """
    licenses = licenses or {"be": "GPL-2.0-only"}
    for name in ("params.yaml", "conf/models.yaml"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    for split in SPLITS:
        rows = [
            utterance(f"{split}{n}", corpus=corpus, license=license, text="Жаба скача",
                      language="be" if corpus == "be" else "he",
                      source=SOURCE if corpus == "be" else HUB_SOURCE)
            for corpus, license in licenses.items() for n in range(2)
        ]  # fmt: skip
        write_manifest(folder / f"data/manifests/{split}.jsonl", rows if split != "replay" else [])
    write_metrics(folder / "metrics", sha256_of(folder / "data/manifests/test.jsonl"))
    write_exports(folder / "models/export", EXPORTS)
    write_lock(folder)


def write_metrics(metrics: Path, test_sha256: str) -> None:
    """Those of the committed run, as if of this test set, with a WER that stays the same."""
    for name in ("score/base", "score/tuned", "compare"):
        content = read_json(ROOT / f"metrics/{name}.json") | {"test_sha256": test_sha256}
        write_json(metrics / f"{name}.json", content)
    for name in ("scorecard", "guards", "alignment", "train"):
        shutil.copyfile(ROOT / f"metrics/{name}.json", metrics / f"{name}.json")
    compare, card = read_json(metrics / "compare.json"), read_json(metrics / "scorecard.json")
    compare["groups"]["overall"]["wer"]["tuned"] = WER
    card["gates"]["production"] = {"requirement": "WER overall, at most", "threshold": 0.2,
                                   "value": WER, "status": "fail"}  # fmt: skip
    write_json(metrics / "compare.json", compare)
    write_json(metrics / "scorecard.json", card)
    formats = {
        name: {"runtime": runtime, "identical": 0.95, "wer": 0.5, "wer_ours": 0.5,
               "difference": [0.0, -0.01, 0.01], "passed": True}
        for name, (runtime, _) in EXPORTS.items()
    }  # fmt: skip
    write_json(metrics / "parity.json", {"num_utterances": 24, "formats": formats, "passed": True})


def write_exports(folder: Path, exports: Mapping[str, tuple[str, Mapping[str, str]]]) -> None:
    """The exports and ``export.json``."""
    described: dict[str, Any] = {}
    for name, (runtime, files) in exports.items():
        for file, content in files.items():
            (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / name / file).write_text(content)
        described[name] = describe_export(folder / name, runtime)
    write_json(folder / "export.json", {"family": "whisper", "formats": described,
                                        "left_out": {"onnx": "no dynamic axes"}})  # fmt: skip


def describe_export(folder: Path, runtime: str) -> dict[str, Any]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {
        "runtime": runtime,
        "bytes": sum(path.stat().st_size for path in paths),
        "files": {str(path.relative_to(folder)): sha256_of(path) for path in paths},
    }


def write_lock(folder: Path, test_sets: tuple[str, ...] = ()) -> None:
    """A ``dvc.lock`` with all outs that the package reads."""
    paths = locked_paths(
        Path("data/manifests"), Path("metrics"), Path("models/export"), list(test_sets)
    )
    outs = [{"path": path, "md5": f"{n:032x}"} for n, path in enumerate(paths)]
    ours, others = ([one for one in outs if (one["path"] == TUNED) is own] for own in (True, False))
    stages = {"train": {"cmd": "x", "outs": ours}, "others": {"cmd": "x", "outs": others}}
    (folder / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))
