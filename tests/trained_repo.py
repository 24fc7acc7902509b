"""A repository in which training has run once, on ten sounds in two languages, and was pushed.

This repository's own dvc.yaml, with the tiny Whisper; what stands in for the audit lets all pass,
or nothing of corpus ``ru``.
"""

import json
from pathlib import Path

from asr.core.params import read_yaml
from tests.examples import tone, wav
from tests.pipeline_repo import copy_of_this_repository

AUDIT = (
    "python -c \"from tests.audit_csv import *; write_audit_of('${key}', 99 * ('${key}' == 'ru'))\""
    " && mkdir -p metrics/audit && echo '{}' > metrics/audit/${key}.json"
)
BASE = (
    'python -c "from pathlib import Path; from tests.tiny_whisper import *; '
    "Path('models').mkdir(exist_ok=True); write_transformers(Path('models/base'))\""
)
JUDGE = "mkdir -p models/judge && touch models/judge/none"
LINE = "  {0}: {{format: stamps, language: {0}, source: home}}\n"


def write_trained(folder: Path) -> None:
    """Make ``repo``, what it read in ``home``, and its DVC remote ``remote``."""
    for name in ("repo", "remote"):
        (folder / name).mkdir()
    repo = copy_of_this_repository(folder / "repo")
    home = folder / "home"
    home.mkdir()
    for n in range(10):
        texts = "".join(f"{name}.utf8={name[0]}{n}\n" for name in ("be", "bg", "ru"))
        (home / f"b{n}.txt").write_text(f"Bird\n{texts}")
        for hz, name in enumerate(("be", "bg", "ru"), start=2):
            (home / f"b{n}_desc_{name}.ogg").write_bytes(wav(tone(0.5, hz=100.0 * hz + n)))
    source = f"home: {{kind: folder, path: {home}, license: CC0-1.0}}\n"
    (repo.folder / "conf/sources.yaml").write_text(source)
    text = (repo.folder / "params.yaml").read_text()
    corpora = text[text.index("  be:") : text.index("test_sets:")]
    lines = LINE.format("be") + LINE.format("bg") + "\n"
    (repo.folder / "params.yaml").write_text(text.replace(corpora, lines))
    repo.set_params({
        "train.max_steps": 1, "train.num_dev_utterances": 1, "train.join.share": 0.0,
        "train.speed_change.most": 0.0, "whisper.train.margin_s": 0.1,
        "whisper.train.long_context.share": 0.0, "split.near_duplicate": 0.0,
    })  # fmt: skip
    pipeline = read_yaml(repo.folder / "dvc.yaml")
    pipeline["stages"]["audit"]["do"]["cmd"] = AUDIT
    pipeline["stages"]["judge"]["cmd"] = JUDGE
    pipeline["stages"]["base"]["cmd"] = BASE
    (repo.folder / "dvc.yaml").write_text(json.dumps(pipeline))
    (repo.folder / "dvc.lock").unlink(missing_ok=True)
    repo.run("dvc", "remote", "add", "--default", "remote", str(folder / "remote"))
    repo.run("dvc", "repro", "train")
    repo.commit("Train")
    repo.run("dvc", "push")
