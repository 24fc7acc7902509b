"""Where traces of withdrawn recordings lie, and how they go: workspace, scratch, cache, remotes."""

import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Set
from pathlib import Path
from typing import Any

from asr.audit import listening
from asr.core.errors import InputError
from asr.core.locks import dvc_tmp
from asr.corpora.params import Corpus
from asr.corpora.raw_folder import FILES, PROVENANCE, read_provenance
from asr.corpora.withdrawn import KEPT, withdrawn_among
from asr.preparation import reuse
from asr.withdrawal.lineage import Lock, git
from asr.withdrawal.objects import LIST, ObjectStore, objects
from asr.withdrawal.traces import Traces

Paths = list[Path]


class Objects:
    """Objects of DVC's stores, each looked at once, however many stores have it."""

    def __init__(self, traces: Traces, doubtful: Iterable[str] = ()) -> None:
        """``doubtful`` are names of objects that count as if they held it."""
        self._traces = traces
        self._verdicts = dict.fromkeys(doubtful, True)

    def holding(self, store: ObjectStore, keep: Set[str] = frozenset()) -> dict[str, str]:
        """Where the objects lie that hold any of it, by name, and the lists that name those.

        Args:
            store: all of it is looked at.
            keep: names of objects to pass over.
        """
        found = objects(store)
        lists = {oid for oid in found if oid.endswith(LIST)}
        held = {oid for oid in found.keys() - lists - keep if self._holds(store, oid, found[oid])}
        for oid in lists:
            files = {entry["md5"] for entry in json.loads(store.fs.fs.cat_file(found[oid]))}
            # A list that stayed would vouch in a remote for what is gone.
            if files & held:
                held.add(oid)
        return {oid: found[oid] for oid in sorted(held)}

    def _holds(self, store: ObjectStore, oid: str, path: str) -> bool:
        if oid not in self._verdicts:
            self._verdicts[oid] = self._look(store, path)
        return self._verdicts[oid]

    def _look(self, store: ObjectStore, path: str) -> bool:
        if Path(path).is_file():
            return self._traces.in_file(Path(path))
        with tempfile.TemporaryDirectory() as folder:
            store.fs.fs.get_file(path, local := str(Path(folder, "object")))
            return self._traces.in_file(Path(local))


def learn_objects(store: ObjectStore, traces: Traces) -> None:
    """Learn from the shards and manifests among a store's objects, as a file system has them."""
    for path in objects(store).values():
        if not path.endswith(LIST):
            traces.learn(Path(path))


def learn_raw(
    store: ObjectStore, locks: list[Lock], corpus: str, line: Corpus, traces: Traces
) -> set[str]:
    """Learn from each raw copy of the corpus that a cache has.

    Returns:
        Names of the objects that can't be read as the corpus's line says today, so that nobody
        knows what they hold.
    """
    found = objects(store)
    raws = {md5 for lock in locks for path, md5 in lock.all_outs().items() if path == raw(corpus)}
    doubtful = set()
    for md5 in sorted(raws & found.keys()):
        files = {entry["relpath"]: entry["md5"] for entry in _list(found[md5])}
        with tempfile.TemporaryDirectory() as folder:
            for name in {FILES, PROVENANCE, KEPT} & files.keys():
                if files[name] in found:
                    Path(folder, name).symlink_to(Path(found[files[name]]).resolve())
            if Path(folder, FILES).is_file() and Path(folder, PROVENANCE).is_file():
                try:
                    learn_raw_folder(Path(folder), line, traces)
                except InputError:
                    doubtful.add(files[FILES])
    return doubtful


def learn_raw_folder(folder: Path, line: Corpus, traces: Traces) -> None:
    """Learn from a raw folder."""
    origin = read_provenance(folder).origin
    traces.learn_recordings(withdrawn_among(folder, line, traces.withdrawn, origin))


def raw(corpus: str) -> str:
    """Where fetch puts a corpus."""
    return f"data/raw/{corpus}"


def remove_outs(repo: Any, traces: Traces, keep: set[str]) -> list[str]:
    """Remove the stages' outs that hold any of it from the workspace, but for those to keep."""
    gone = []
    for out in sorted({out.def_path for out in repo.index.outs} - keep):
        if any(map(traces.in_file, files_below(Path(out)))):
            shutil.rmtree(out) if Path(out).is_dir() else Path(out).unlink()
            gone.append(out)
    return gone


def remove_scratch(corpus: str, traces: Traces) -> list[str]:
    """Remove what DVC's temporary folder has of it.

    The shards of prepare's last run, what the audit heard and what frozen encoders said go whatever
    they hold: none says of each clip whose it is, and all are made anew.
    """
    gone = []
    folders = (
        reuse.default_folder(corpus),
        listening.default_folder(corpus),
        dvc_tmp() / "cache",
    )
    for folder in folders:
        if folder.is_dir():
            shutil.rmtree(folder)
            gone.append(str(folder))
    for path in files_below(dvc_tmp()):
        if traces.in_file(path):
            path.unlink()
            gone.append(str(path))
    return gone


def files_in_workspace(repo: Any, but: Path | None) -> Paths:
    """What Git tracks or would track, and DVC's outs; nothing below the folder ``but``."""
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    found = {Path(name) for name in listed if name and Path(name).is_file()}
    for out in repo.index.outs:
        found |= set(files_below(Path(out.def_path)))
    skipped = but.resolve() if but else None
    return sorted(p for p in found if not (skipped and p.resolve().is_relative_to(skipped)))


def files_below(path: Path) -> Iterator[Path]:
    """The file, or the files in the folder and below it; none where there is neither."""
    if path.is_dir():
        yield from (file for file in sorted(path.rglob("*")) if file.is_file())
    elif path.is_file():
        yield path


def _list(path: str) -> list[dict[str, str]]:
    entries: list[dict[str, str]] = json.loads(Path(path).read_bytes())
    return entries
