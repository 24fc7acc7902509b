"""A withdrawal from its request to its proof: what ``commands.remove_source`` does.

The proof is ``metrics/withdrawals/<corpus>-<time>.json``. It names no utterance: they stand in it
by their hashes. With these a later run finds the same again in a remote, when nothing else is left.
"""

import shutil
import tempfile
from collections.abc import Iterable, Set
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dvc.repo import Repo
from dvc.utils.serialize import modify_yaml

from asr.core.errors import InputError
from asr.core.files import read_json, sha256_of, write_json
from asr.core.locks import dvc_tmp
from asr.core.params import PARAMS, load_corpus
from asr.corpora.params import Corpus, Withdrawn
from asr.corpora.raw_folder import FILES
from asr.withdrawal.models import all_locks, git, hashes, manifests_in, models_that_saw, remember
from asr.withdrawal.objects import LIST, files_in, listed_files, object_name
from asr.withdrawal.traces import Traces

PROOFS = Path("metrics/withdrawals")
DATA_STAGES = ["split", "licenses"]  # with what they depend on: all that is no model's
# Of each place its file system, as fsspec has it, and all of its files.
Places = dict[str, tuple[Any, list[str]]]


class Withdrawal:
    """One request in one repository, step by step."""

    def __init__(self, repo: Repo, corpus: str, withdrawn: Withdrawn) -> None:
        """Learn what is theirs, from the data, the cache and proofs of earlier runs.

        Raises:
            InputError: if nothing is, or the corpus is not in params.yaml.
        """
        self._repo = repo
        self.traces = traces = Traces(corpus, withdrawn)
        line = load_corpus(corpus, Corpus)
        asked: dict[str, Any] = {"corpus": corpus, "withdrawn": withdrawn.model_dump()}
        remembered: dict[str, str] = {}
        for earlier in map(read_json, sorted(PROOFS.glob("*.json"))):
            remembered |= earlier["manifests"]
            if earlier | asked == earlier:
                traces.ids |= set(earlier["sha256_of_ids"])
                traces.sounds |= set(earlier["sha256_of_sounds"])
        raw = Path("data/raw", corpus)
        if (raw / FILES).is_file():
            traces.learn_raw(raw, line)
        locks = all_locks()
        for oid in {hashes(lock, f"fetch@{corpus}", "outs").get(str(raw), "") for _, lock in locks}:
            learn_raw_object(repo.cache.local, oid, line, traces)
        for _, paths in places(repo, []).values():
            for path in paths:
                traces.learn(Path(path))
        if not traces.ids:
            raise InputError(
                f"corpora.{corpus}: expected recordings of {withdrawn} in data/ or the cache, got "
                "none; `dvc pull` brings data that are only in a remote"
            )
        self._manifests = {oid for _, lock in locks for oid in manifests_in(lock)}
        self.proof = asked | {
            "at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "sha256_of_ids": sorted(traces.ids),
            "sha256_of_sounds": sorted(traces.sounds),
            "models": models_that_saw(locks, repo.cache.local, remembered, traces),
            "manifests": {},
            "removed": {},
        }

    def write_proof(self) -> Path:
        """Write it, under the same name each time."""
        path = PROOFS / f"{self.traces.corpus}-{self.proof['at'].replace(':', '')}.json"
        write_json(path, self.proof)
        return path

    def make_data_anew(self) -> set[str]:
        """Make the data by the rule in ``params.yaml``; returns paths and objects of all of it."""
        self._repo.reproduce(DATA_STAGES)
        made = self._repo.index.targets_view(DATA_STAGES, with_deps=True)
        objects = self._repo.used_objs(DATA_STAGES, with_deps=True).values()
        paths = files_below(Path(out.def_path) for out in made.outs)
        return {*paths, *(one.value for of in objects for one in of)}

    def remove(self, remotes: Iterable[str], keep: Set[str]) -> None:
        """Remove it, but for files to keep, and others that no stage wrote."""
        self.write_proof()  # so that a run that is killed here knows afterwards what was theirs
        # These don't say of each clip whose it is, and are made anew.
        for name in ("cache", f"prepare/{self.traces.corpus}", f"audit/{self.traces.corpus}"):
            if (folder := dvc_tmp() / name).is_dir():
                shutil.rmtree(folder)
        where = places(self._repo, remotes)
        for place, paths in holding(where, self.traces, keep | {*where["others"][1]}).items():
            for path in paths:
                if (oid := object_name(path)) in self._manifests and Path(path).is_file():
                    self.proof["manifests"][oid] = remember(Path(path))
                where[place][0].rm_file(path)
            self.proof["removed"][place] = list(map(object_name, paths))

    def check(self, remotes: Iterable[str]) -> bool:
        """Search all of it once more; whether nothing is left."""
        where = places(self._repo, remotes)
        left = holding(where, self.traces)
        self.proof["searched"] = {place: len(paths) for place, (_, paths) in where.items()}
        self.proof["left"] = {place: list(map(object_name, held)) for place, held in left.items()}
        self.proof["remotes_not_searched"] = sorted({*self._repo.config["remote"]} - {*remotes})
        return not any(left.values())


def record(corpus: str, withdrawn: Withdrawn) -> None:
    """Add a rule to ``params.yaml``, where it stays, as ``dvc exp run -S`` writes there."""
    with modify_yaml(PARAMS) as params:
        rule = params["corpora"][corpus].setdefault("withdrawn", {})
        for key, names in withdrawn:
            if missing := [name for name in names if name not in rule.get(key, [])]:
                rule.setdefault(key, []).extend(missing)


def learn_raw_object(cache: Any, oid: str, line: Corpus, traces: Traces) -> None:
    """Learn from a raw copy of the corpus, if the cache has it."""
    if not Path(cache.oid_to_path(oid)).is_file():
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, md5 in listed_files(cache.fs, cache.oid_to_path(oid)).items():
            Path(folder, name).symlink_to(cache.oid_to_path(md5))
        try:
            traces.learn_raw(Path(folder), line)
        except (InputError, FileNotFoundError):
            # Nobody knows what is in a tar that can't be read as the corpus's line says today.
            if (tar := Path(folder, FILES)).is_file():
                traces.sounds.add(sha256_of(tar))


def places(repo: Repo, remotes: Iterable[str]) -> Places:
    """Where data lie. ``ours`` is what stages wrote, DVC's folder for scratch included."""
    local = repo.cache.local.fs.fs
    ours = files_below([*(Path(out.def_path) for out in repo.index.outs), dvc_tmp()])
    # Those that Git ignores too, such as what a killed fetch left.
    listed = git("ls-files", "-z", "--cached", "--others", "--", ".", ":!.dvc", ":!.venv")
    others = sorted(one for one in {*listed.split("\0")} - {*ours} if Path(one).is_file())
    stores = {"cache": repo.cache.local}
    stores |= {f"remote {name}": repo.cloud.get_remote_odb(name) for name in remotes}
    found = {name: (store.fs.fs, list(files_in(store))) for name, store in stores.items()}
    return {"ours": (local, ours), "others": (local, others)} | found


def files_below(paths: Iterable[Path]) -> list[str]:
    """Those of the paths that are files, and all files in those that are folders."""
    return [str(one) for path in paths for one in (path, *path.rglob("*")) if one.is_file()]


def holding(where: Places, traces: Traces, keep: Set[str] = frozenset()) -> dict[str, list[str]]:
    """The files of each place that hold any of it, but for those to keep; lists of them first."""
    verdicts: dict[str, bool] = {}  # of objects too, which several stores have
    found = {}
    for place, (files, paths) in where.items():
        names = {path: name for path in paths if (name := object_name(path)) not in keep}
        lists = [path for path, name in names.items() if name != path and name.endswith(LIST)]
        for path in names.keys() - lists:
            if names[path] not in verdicts:
                verdicts[names[path]] = _holds(files, path, traces)
        held = {path: name for path, name in names.items() if verdicts.get(name)}
        gone = {*held.values()}
        # A list that stayed would vouch in a remote for what is gone.
        found[place] = [p for p in lists if gone & {*listed_files(files, p).values()}] + [*held]
    return found


def _holds(files: Any, path: str, traces: Traces) -> bool:
    if Path(path).is_file():
        return traces.in_file(Path(path))
    with tempfile.TemporaryDirectory() as folder:
        files.get_file(path, local := str(Path(folder, "object")))
        return traces.in_file(Path(local))
