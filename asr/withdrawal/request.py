"""A withdrawal from its request to its proof: what ``commands.remove_source`` does."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from typing import Any

from dvc.repo import Repo
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from asr.core.errors import InputError
from asr.core.files import whole_file
from asr.core.locks import dvc_tmp
from asr.core.params import PARAMS, load_corpus
from asr.corpora.params import Corpus, Withdrawn
from asr.sources import folder
from asr.sources.corpus_source import load_source
from asr.withdrawal.lineage import all_locks, models_of, remember
from asr.withdrawal.objects import LIST, ObjectStore, objects
from asr.withdrawal.proof import earlier_proofs, learn_proofs, new_proof
from asr.withdrawal.removal import (
    Objects,
    files_below,
    files_in_workspace,
    learn_objects,
    learn_raw,
    learn_raw_folder,
    raw,
    remove_outs,
    remove_scratch,
)
from asr.withdrawal.traces import Traces

DATA_STAGES = ("split", "licenses")  # with what they depend on: all that is no model's


class Withdrawal:
    """One request in one repository, step by step."""

    def __init__(self, repo: Repo, corpus: str, withdrawn: Withdrawn) -> None:
        """Learn what is theirs, from the data, the cache and proofs of earlier runs.

        Raises:
            InputError: if nothing is, or the corpus is not in params.yaml.
        """
        self.line = load_corpus(corpus, Corpus)
        self.traces = Traces(corpus, withdrawn)
        self._repo = repo
        cache = repo.cache.local
        self._locks = locks = all_locks()
        proofs = earlier_proofs(self.traces)
        learn_proofs(proofs, self.traces)
        if Path(raw(corpus)).is_dir():
            learn_raw_folder(Path(raw(corpus)), self.line, self.traces)
        self.doubtful = learn_raw(cache, locks, corpus, self.line, self.traces)
        learn_objects(cache, self.traces)
        for out in repo.index.outs:
            for path in files_below(Path(out.def_path)):
                self.traces.learn(path)
        if not self.traces.ids:
            raise InputError(
                f"corpora.{corpus}: expected utterances of {_plainly(withdrawn)} in data/ or the "
                "cache, got none; `dvc pull` brings data that are only in a remote"
            )
        removed = {oid for proof in proofs for of in proof["removed"].values() for oid in of}
        self.models = models_of(locks, objects(cache), removed, self.traces)
        self.proof = new_proof(self.traces, self.models)

    def record_and_rerun(self, run: bool) -> bool:
        """Write the rule into ``params.yaml`` and make the data anew; whether that was done."""
        words = _rerun_words(self._repo, self.traces.corpus)
        record(self.traces.corpus, self.traces.withdrawn)
        done = run and subprocess.run([sys.executable, "-m", *words], check=False).returncode == 0
        self.proof.rerun = shlex.join(words) if done else ""
        return done

    def remove(self, remotes: Iterable[str]) -> None:
        """Remove it everywhere, but for what ``proof.rerun`` has just written."""
        self.proof.write()  # so that a run that is killed here knows afterwards what was theirs
        with Repo() as repo:
            paths, oids = _outs_of(repo, self.proof.rerun.split()[2:])
            removed = self.proof.removed
            removed["workspace"] = remove_outs(repo, self.traces, paths)
            removed["scratch"] = remove_scratch(self.traces.corpus, self.traces)
            found = Objects(self.traces, self.doubtful)
            for name, store in _stores(repo, remotes):
                held = found.holding(store, oids)
                if store is repo.cache.local:
                    remember(self._locks, held)
                for path in sorted(held.values(), key=lambda path: not path.endswith(LIST)):
                    store.fs.fs.rm_file(path)
                removed[name] = list(held)

    def check(self, remotes: Iterable[str]) -> bool:
        """Search all of it once more; whether nothing is left."""
        with Repo() as repo:
            found = Objects(self.traces)
            for name, store in _stores(repo, remotes):
                self._note(name, len(objects(store)), found.holding(store))
            source = load_source(self.line.source)
            at_source = Path(source.path) if isinstance(source, folder.Source) else None
            for name, files in (
                ("workspace", files_in_workspace(repo, at_source)),
                ("scratch", list(files_below(dvc_tmp()))),
            ):
                self._note(name, len(files), map(str, filter(self.traces.in_file, files)))
            unasked = set(repo.config["remote"]) - set(remotes)
        self.proof.not_searched = [
            f"the source itself: {self.line.source} of conf/sources.yaml",
            "downloads of it in this machine's ~/.cache/mothertongue",
            "the history of Git, which holds no audio and no transcripts",
            "other clones",
            *(f"remote {name}: --remote {name}" for name in sorted(unasked)),
            # No run goes on from there, since its data are gone; but it is weights.
            *(f"training's unfinished state: {one}" for one in sorted(dvc_tmp().glob("scratch/*"))),
        ]
        return not any(self.proof.left.values())

    def _note(self, where: str, num: int, left: Iterable[str]) -> None:
        self.proof.searched[where] = num
        self.proof.left[where] = list(left)


def record(corpus: str, withdrawn: Withdrawn) -> bool:
    """Add a rule to ``params.yaml``, where it stays; comments and all other lines stay as they are.

    Returns:
        Whether anything of it is new.
    """
    text = PARAMS.read_text(encoding="utf-8")
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1 << 16
    params = yaml.load(text)
    line = params["corpora"][corpus]
    new = False
    for key, wanted in withdrawn.model_dump().items():
        if missing := [one for one in wanted if one not in line.get("withdrawn", {}).get(key, [])]:
            rule = line.setdefault("withdrawn", _flow(CommentedMap()))
            rule.setdefault(key, _flow(CommentedSeq())).extend(missing)
            new = True
    if new:
        stream = StringIO()
        yaml.dump(params, stream)
        with whole_file(PARAMS) as beside:
            beside.write_text(_with_section(text, stream.getvalue()), encoding="utf-8")
    return new


def _flow(node: Any) -> Any:
    node.fa.set_flow_style()
    return node


def _with_section(text: str, changed: str, section: str = "corpora") -> str:
    """``text`` with one section as ``changed`` has it: a round trip moves comments of others."""

    def bounds(lines: list[str]) -> tuple[int, int]:
        start = next(n for n, line in enumerate(lines) if line.startswith(f"{section}:"))
        end = next((n for n, line in enumerate(lines[start + 1 :], start + 1)
                    if line[:1].isalpha()), len(lines))  # fmt: skip
        return start, end

    old, new = text.splitlines(keepends=True), changed.splitlines(keepends=True)
    start, end = bounds(old)
    return "".join([*old[:start], *new[slice(*bounds(new))], *old[end:]])


def _rerun_words(repo: Repo, corpus: str) -> list[str]:
    """The command that makes the data anew, of the stages that there are."""
    stages = {stage.addressing for stage in repo.index.stages}
    targets = [name for name in DATA_STAGES if name in stages] or [f"prepare@{corpus}"]
    return ["dvc", "repro", *targets]


def _stores(repo: Repo, remotes: Iterable[str]) -> list[tuple[str, ObjectStore]]:
    """The cache and the remotes, each with its name."""
    named = [(f"remote {name}", repo.cloud.get_remote_odb(name)) for name in remotes]
    return [("cache", repo.cache.local), *named]


def _outs_of(repo: Repo, targets: Iterable[str]) -> tuple[set[str], set[str]]:
    """Paths, and names of objects, that stages and those before them have written."""
    paths: set[str] = set()
    oids: set[str] = set()
    for target in targets:
        for stage in repo.stage.collect(target, with_deps=True):
            for out in stage.outs:
                paths.add(out.def_path)
                oids |= _objects_of(repo, out.hash_info.value)
    return paths, oids


def _objects_of(repo: Repo, oid: str | None) -> set[str]:
    """The object, and the files that it lists."""
    if not oid or not oid.endswith(LIST):
        return {oid} if oid else set()
    path = Path(repo.cache.local.oid_to_path(oid))
    entries = json.loads(path.read_bytes()) if path.is_file() else []
    return {oid, *(entry["md5"] for entry in entries)}


def _plainly(withdrawn: Withdrawn) -> str:
    said = {"speaker": withdrawn.speakers, "source": withdrawn.sources}
    return ", ".join(f"{key} {one!r}" for key, of in said.items() for one in of)
