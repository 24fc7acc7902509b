# python -m pytest tests/test_changing_sources.py
"""Sources on this machine that change while they are read: an error by name, never a mixture."""

import os
import random
import shutil
import threading
from pathlib import Path

import pytest

from asr.core.errors import InputError
from asr.corpora.raw_folder import RawFiles
from asr.sources.folder import Source, fetch_files
from asr.sources.params import FetchParams
from asr.sources.still import read_still, stamps
from tests.pipeline_repo import PipelineRepo, wait_for

ROOT = Path(__file__).parents[1]

LIMITS = FetchParams(max_file_mb=1.0, max_url_s=10.0)


def read(folder):
    source = Source(kind="folder", path=str(folder), license="CC0-1.0")
    return fetch_files(source, lambda name: name.endswith(".wav"), LIMITS)


@pytest.fixture
def corpus(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.wav").write_bytes(b"old")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "happens"),
    [
        ("a.wav", lambda file: file.write_bytes(b"new")),  # read already
        ("c.wav", lambda file: file.write_bytes(b"new")),
        ("c.wav", lambda file: file.open("ab").write(b"er")),
        ("c.wav", lambda file: os.utime(file, (0, 0))),  # another file of the same size
        ("a.wav", lambda file: file.unlink()),
        ("c.wav", lambda file: file.unlink()),
        ("d.wav", lambda file: file.write_bytes(b"new")),
    ],
)
def test_a_file_that_changes_while_a_folder_is_read_is_named(corpus, name, happens):
    files = read(corpus)
    assert next(files) == ("a.wav", b"old")
    happens(corpus / name)
    with pytest.raises(InputError, match=rf"changed while it was read: {corpus / name}; run the"):
        list(files)
    assert list(read(corpus))[-1][0] in ("b.wav", "c.wav", "d.wav")  # the next run is whole


def test_files_that_the_format_does_not_read_may_change(corpus):
    files = read(corpus)
    next(files)
    (corpus / "notes.txt").write_text("appeared")
    assert [name for name, _ in files] == ["b.wav", "c.wav"]


def test_a_single_file_that_grows_is_named(corpus):
    file = corpus / "a.wav"
    before = stamps([file])[file]
    file.write_bytes(b"older")
    with pytest.raises(InputError, match=rf"changed while it was read: {file};"):
        read_still(corpus, file, before)


@pytest.mark.slow
def test_the_stage_leaves_nothing_of_a_folder_that_changed_and_its_rerun_is_right(tmp_path):
    repo, home = PipelineRepo(tmp_path), tmp_path / "home"
    for name in ("asr", "stages"):
        shutil.copytree(ROOT / name, tmp_path / name)
    text = (ROOT / "params.yaml").read_text()
    corpora = text[text.index("corpora:") : text.index("test_sets:")]
    one = "corpora:\n  be: {format: paired, language: be, source: home}\n"
    (tmp_path / "params.yaml").write_text(text.replace(corpora, one))
    (tmp_path / "conf").mkdir()
    block = "home: {kind: folder, path: home, license: CC0-1.0}\n"
    (tmp_path / "conf" / "sources.yaml").write_text(block)
    home.mkdir()
    for n in range(5000):
        (home / f"{n:04}.wav").write_bytes(bytes(1000))
        (home / f"{n:04}.txt").write_text("птушка")
    command = ("python", "-m", "stages.fetch", "--corpus", "be", "--out", "data/raw/be")
    with repo.started(*command) as process:
        partial = ".dvc/tmp/partial/*/be/files.tar"
        wait_for(lambda: any(file.stat().st_size > 0 for file in tmp_path.glob(partial)))
        (home / "4999.txt").write_text("зязюля")
        said = process.communicate(timeout=300)[0].decode()
    assert said.startswith("fetch: home: changed while it was read: home/4999.txt; run the same")
    assert process.returncode == 1
    assert not [*tmp_path.glob("data/raw/*"), *tmp_path.glob(".dvc/tmp/partial/*")]
    repo.run(*command)
    assert RawFiles(tmp_path / "data/raw/be")["4999.txt"].decode() == "зязюля"


@pytest.mark.slow
def test_what_is_read_of_a_folder_that_never_rests_is_of_one_moment(tmp_path):
    """Numbers all files anew, again and again: at any moment one part has the next number."""
    files = [tmp_path / f"{n:03}.wav" for n in range(200)]
    orders, ended = [files], threading.Event()

    def number_anew():
        while not ended.wait(random.uniform(0.005, 0.05)):
            orders.append(random.sample(files, len(files)))
            for file in orders[-1]:
                number = f"{len(orders) - 1:06}".encode()
                if random.random() < 0.5:
                    file.with_suffix(".new").write_bytes(number)
                    file.with_suffix(".new").replace(file)
                else:
                    with file.open("r+b") as opened:
                        opened.write(number)

    for file in files:
        file.write_bytes(b"000000")
    writer = threading.Thread(target=number_anew)
    writer.start()
    num_errors, found = 0, []
    try:
        for _ in range(150):
            try:
                found.append({tmp_path / name: int(number) for name, number in read(tmp_path)})
            except InputError as error:
                assert f"{tmp_path}/" in str(error), "expected the name of a file"
                num_errors += 1
    finally:
        ended.set()
        writer.join()
    for numbers in found:
        newest = max(numbers.values())
        in_order = [newest - numbers[file] for file in orders[newest]]
        assert in_order == sorted(in_order) and set(in_order) <= {0, 1}
    assert found and num_errors
