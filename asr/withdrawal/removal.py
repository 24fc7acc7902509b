"""Withdraw recordings, from the request to the proof, for ``commands.remove_source``.

The proof is ``metrics/withdrawals/<corpus>-<time>.json``. It names utterances by their hashes only.
With them a later run can find the same utterances in a remote after all local data is gone.
"""

import shutil
import tempfile
from collections.abc import Iterable, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dvc.repo import Repo
from dvc.utils.serialize import modify_yaml
from pydantic import TypeAdapter

from asr.core.errors import InputError
from asr.core.files import read_json, sha256_of, write_json
from asr.core.locks import dvc_tmp
from asr.core.params import PARAMS, load_block, load_corpus, load_params
from asr.corpora.formats import read_corpus
from asr.corpora.params import CorporaParams, Corpus, Withdrawn
from asr.corpora.pins import PINS
from asr.corpora.raw_folder import FILES
from asr.corpora.test_sets import test_set_names
from asr.sources.corpus_source import load_source
from asr.sources.params import FetchParams
from asr.sources.pinned_files import PinnedFiles
from asr.sources.pinning import pinnable
from asr.withdrawal.models import all_locks, find_models, git, hashes, id_hashes_in, manifests_in
from asr.withdrawal.objects import LIST, files_in, listed_files, object_name
from asr.withdrawal.traces import Traces

PROOFS = Path("metrics/withdrawals")
DATA_STAGES = ["split", "licenses"]  # and the stages before them: all that need no training
# By place: its fsspec file system and the paths of all its files.
Places = dict[str, tuple[Any, list[str]]]


class Withdrawal:
    """One request in one repository: call ``remove``, then ``check``, then ``write_proof``."""

    def __init__(self, repo: Repo, corpus: str, withdrawn: Withdrawn) -> None:
        """Collect the withdrawn recordings from the data, the cache and proofs of earlier runs.

        Raises:
            InputError: if there are none, or params.yaml has no such corpus or test set.
        """
        self._repo = repo
        self.corpus = corpus
        self.lines = lines = lines_with(corpus)
        self.traces = traces = Traces(tuple(line.name for line in lines), withdrawn)
        request: dict[str, Any] = {"corpus": corpus, "withdrawn": withdrawn.model_dump()}
        id_hashes: dict[str, str] = {}
        for earlier in map(read_json, sorted(PROOFS.glob("*.json"))):
            id_hashes |= earlier["manifests"]
            if earlier | request == earlier:
                traces.ids |= set(earlier["sha256_of_ids"])
                traces.audio_hashes |= set(earlier["sha256_of_sounds"])
        locks = all_locks()
        for one in lines:
            if (one.raw / FILES).is_file():
                traces.add_raw(one.raw, one.name, one.corpus)
            elif (one.raw / PINS).is_file():
                add_pinned(one.raw, one.name, one.corpus, traces)
            stage = f"{one.fetch_stage}@{one.name}"
            for oid in {hashes(lock, stage, "outs").get(str(one.raw), "") for _, lock in locks}:
                add_raw_object(repo.cache.local, oid, one, traces)
        for _, paths in places(repo, []).values():
            for path in paths:
                traces.add_utterances(Path(path))
        if not traces.ids:
            raise InputError(
                f"{lines[0].key}: expected recordings of {withdrawn} in data/ or the cache, got "
                "none; if the data is only in a remote, run `dvc pull`"
            )
        self._manifests = {oid for _, lock in locks for oid in manifests_in(lock)}
        self.proof = request | {
            "at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "sha256_of_ids": sorted(traces.ids),
            "sha256_of_sounds": sorted(traces.audio_hashes),
            "models": find_models(locks, repo.cache.local, id_hashes, traces),
            "manifests": {},
            "removed": {},
        }

    def write_proof(self) -> Path:
        """Write the proof; a second call replaces the file. Returns its path."""
        path = PROOFS / f"{self.corpus}-{self.proof['at'].replace(':', '')}.json"
        write_json(path, self.proof)
        return path

    def reproduce_data(self) -> set[str]:
        """Reproduce the data stages with the new rule; return paths and objects of their data."""
        stages = DATA_STAGES + [f"test_set@{one.name}" for one in self.lines if one.is_test_set]
        self._repo.reproduce(stages)
        made = self._repo.index.targets_view(stages, with_deps=True)
        objects = self._repo.used_objs(stages, with_deps=True).values()
        paths = files_below(Path(out.def_path) for out in made.outs)
        return {*paths, *(one.value for of in objects for one in of)}

    def remove(self, remotes: Iterable[str], keep: Set[str]) -> None:
        """Delete files with traces, except those in ``keep`` and files that no stage wrote."""
        self.write_proof()  # the next run reads it if this one is killed here
        # These caches do not record the utterance of each entry, so delete them completely.
        caches = [f"{stage}/{one.name}" for one in self.lines for stage in ("prepare", "audit")]
        for name in ("cache", *caches):
            if (folder := dvc_tmp() / name).is_dir():
                shutil.rmtree(folder)
        where = places(self._repo, remotes)
        for place, paths in find_traces(where, self.traces, keep | {*where["others"][1]}).items():
            for path in paths:
                if (oid := object_name(path)) in self._manifests and Path(path).is_file():
                    self.proof["manifests"][oid] = id_hashes_in(Path(path))
                where[place][0].rm_file(path)
            self.proof["removed"][place] = list(map(object_name, paths))

    def check(self, remotes: Iterable[str]) -> bool:
        """Search all places again; return True if no trace is left."""
        where = places(self._repo, remotes)
        left = find_traces(where, self.traces)
        self.proof["searched"] = {place: len(paths) for place, (_, paths) in where.items()}
        self.proof["left"] = {place: list(map(object_name, held)) for place, held in left.items()}
        self.proof["remotes_not_searched"] = sorted({*self._repo.config["remote"]} - {*remotes})
        return not any(left.values())


@dataclass(frozen=True)
class Line:
    """A corpus or a test set in ``params.yaml``."""

    name: str
    is_test_set: bool
    corpus: Corpus

    @property
    def key(self) -> str:
        """Where it is in ``params.yaml``."""
        return f"{self.section}.{self.name}"

    @property
    def section(self) -> str:
        """Its section there."""
        return "test_sets" if self.is_test_set else "corpora"

    @property
    def fetch_stage(self) -> str:
        """The stage that fetches it."""
        return "fetch_test" if self.is_test_set else "fetch"

    @property
    def raw(self) -> Path:
        """Its files as they were fetched."""
        return Path("data/test_sets/raw" if self.is_test_set else "data/raw", self.name)


def lines_with(name: str) -> list[Line]:
    """A corpus or test set, and all others that read the same recordings of the same source.

    What is withdrawn from one of them must not come back with another.

    Raises:
        InputError: if params.yaml has no such corpus or test set.
    """
    load_corpus(name, Corpus)
    test_sets = test_set_names()
    names = [*load_block(PARAMS, ("corpora",), TypeAdapter(CorporaParams)), *test_sets]
    lines = {key: Line(key, key in test_sets, load_corpus(key, Corpus)) for key in names}
    own = lines.pop(name)

    def recordings(line: Line) -> tuple[str, str, str]:
        return line.corpus.source, line.corpus.format, line.corpus.language

    return [own, *(line for line in lines.values() if recordings(line) == recordings(own))]


def add_rule(lines: Iterable[Line], withdrawn: Withdrawn) -> None:
    """Add a rule to ``params.yaml`` permanently, with DVC's writer, which preserves comments."""
    with modify_yaml(PARAMS) as params:
        for line in lines:
            rule = params[line.section][line.name].setdefault("withdrawn", {})
            for key, names in withdrawn:
                if missing := [name for name in names if name not in rule.get(key, [])]:
                    rule.setdefault(key, []).extend(missing)


def add_pinned(raw: Path, name: str, line: Corpus, traces: Traces) -> None:
    """Collect withdrawn recordings from the source itself (``keep_raw: false``), if it is there.

    Its shards have those that passed; what `prepare` rejected is found only there.
    """
    try:
        source = pinnable(load_source(line.source), name, line.format)
        limits = load_params("fetch", FetchParams)
        with tempfile.TemporaryDirectory(dir=dvc_tmp()) as spool:
            files = PinnedFiles(name, source, raw, line, limits, Path(spool))
            traces.add_recordings(read_corpus(files, line), raw, name, line)
    except InputError as error:
        print(f"corpora.{name}: what prepare rejected is not searched for: {error}")


def add_raw_object(cache: Any, oid: str, line: Line, traces: Traces) -> None:
    """Collect withdrawn recordings from a raw folder in the cache, if it is there."""
    if not Path(cache.oid_to_path(oid)).is_file():
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, md5 in listed_files(cache.fs, cache.oid_to_path(oid)).items():
            Path(folder, name).symlink_to(cache.oid_to_path(md5))
        try:
            traces.add_raw(Path(folder), line.name, line.corpus)
        except (InputError, FileNotFoundError):
            # An old tar may not be readable in the corpus's current format. Remove it as a whole.
            if (tar := Path(folder, FILES)).is_file():
                traces.audio_hashes.add(sha256_of(tar))


def places(repo: Repo, remotes: Iterable[str]) -> Places:
    """List all files by place. ``ours`` is what stages wrote, DVC's temporary folder included."""
    local = repo.cache.local.fs.fs
    ours = files_below([*(Path(out.def_path) for out in repo.index.outs), dvc_tmp()])
    # Include files that Git ignores, such as the partial files of a killed fetch.
    listed = git("ls-files", "-z", "--cached", "--others", "--", ".", ":!.dvc", ":!.venv")
    others = sorted(one for one in {*listed.split("\0")} - {*ours} if Path(one).is_file())
    stores = {"cache": repo.cache.local}
    stores |= {f"remote {name}": repo.cloud.get_remote_odb(name) for name in remotes}
    found = {name: (store.fs.fs, list(files_in(store))) for name, store in stores.items()}
    return {"ours": (local, ours), "others": (local, others)} | found


def files_below(paths: Iterable[Path]) -> list[str]:
    """Return the given files, and all files in the given folders."""
    return [str(one) for path in paths for one in (path, *path.rglob("*")) if one.is_file()]


def find_traces(
    where: Places, traces: Traces, keep: Set[str] = frozenset()
) -> dict[str, list[str]]:
    """Return by place the files with traces, except ``keep``; ``.dir`` objects come first."""
    has_trace: dict[str, bool] = {}  # by name, since several stores have the same object
    found = {}
    for place, (files, paths) in where.items():
        names = {path: name for path in paths if (name := object_name(path)) not in keep}
        lists = [path for path, name in names.items() if name != path and name.endswith(LIST)]
        for path in names.keys() - lists:
            if names[path] not in has_trace:
                has_trace[names[path]] = _has_trace(files, path, traces)
        held = {path: name for path, name in names.items() if has_trace.get(name)}
        gone = {*held.values()}
        # Delete their .dir objects too: DVC takes a .dir in a remote as proof that its files exist.
        found[place] = [p for p in lists if gone & {*listed_files(files, p).values()}] + [*held]
    return found


def _has_trace(files: Any, path: str, traces: Traces) -> bool:
    if Path(path).is_file():
        return traces.in_file(Path(path))
    with tempfile.TemporaryDirectory() as folder:
        files.get_file(path, local := str(Path(folder, "object")))
        return traces.in_file(Path(local))
