# python -m pytest tests/test_docs_path.py -m slow    (a quarter of an hour of two quiet cores)
"""docs/README.md from its first part to its last: the page's own blocks and commands, in its order.

A reader's folder of recordings and a table with faults becomes a tuned, packaged and served model.
Beside places and a port only sizes differ from the page: random weights, five utterances, two
steps of training. Each command runs as it stands, so one that fails on the page fails here.
"""

import csv
import json
import re
import shlex
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from asr.core.files import read_json
from asr.core.params import read_yaml
from asr.utterances.utterance import read_manifest
from tests.pipeline_repo import (
    RANDOM_WEIGHTS,
    ROOT,
    PipelineRepo,
    copy_of_this_repository,
    smoke_params,
    wait_for,
)
from tests.seed_corpora import sound
from tests.ssh_server import ssh_server

pytestmark = pytest.mark.timeout(3600)
PAGE = (ROOT / "docs/README.md").read_text(encoding="utf-8")
PARTS = dict(re.findall(r"^## \d+\. (.+?)\n(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL))
# The environment is there, as its packages are what runs this test.
SETUP = ("make setup", "source .venv/bin/activate")
FOLLOWED = ("First run", "The report", "On a rented GPU", "Corrections", "Your model in use")
TINY = smoke_params() | RANDOM_WEIGHTS | {
    "prepare.max_utterances": 0, "guards.num_sound_clips": 0, "guards.num_joined": 0,
    "guards.num_timestamp_clips": 0, "align.num_joined": 0, "decode.num_beams": 1,
    "export.formats": ["transformers"], "package.formats": ["transformers"],
    "publish.require": [],
}  # fmt: skip
SAID = ("Карычневае вока.", "Спартыўны аўтамабіль; чырвоны.", "Каштанавыя валасы.", "Жоўты лімон.",
        "Вялікі снегавік.")  # fmt: skip
KINDS = ("WAV", "MP3", "FLAC", "OGG", "WAV")


def blocks(part: str, kind: str) -> list[str]:
    """The blocks of a kind, such as ``bash`` or ``bash|sh``, in a part of the page."""
    return re.findall(rf"^```(?:{kind})\n(.*?)^```", PARTS[part], flags=re.MULTILINE | re.DOTALL)


def lines(part: str) -> list[str]:
    """The commands of a part, in their order."""
    found = "".join(blocks(part, "bash|sh")).splitlines()
    return [line.partition("  #")[0].strip() for line in found if line]


def test_every_part_with_commands_is_followed():
    assert tuple(part for part in PARTS if lines(part)) == FOLLOWED
    assert tuple(lines("First run")[:2]) == SETUP


@dataclass
class Reader:
    """A repository, the reader's folder of recordings, and what the page's places are here."""

    repo: PipelineRepo
    home: Path
    places: dict[str, str]

    def run(self, line: str, **environment: str) -> str:
        """Run a line of the page and return what it printed."""
        for there, here in self.places.items():
            line = line.replace(there, here)
        return self.repo.run("bash", "-c", line, **environment)

    def follow(self, part: str, **environment: str) -> str:
        """Run a part's commands and return what they printed."""
        said = [self.run(line, **environment) for line in lines(part) if line not in SETUP]
        return "".join(said)

    def write_table(self, changes: dict[str, str]) -> None:
        """Write the folder's table, under the page's own header; other texts by clip."""
        header = next(csv.reader(blocks("Your speech", "text")[0].splitlines(), delimiter=";"))
        rows = [(f"takes/{n:03}.{kind.lower()}", text, f"reader {n}")
                for n, (kind, text) in enumerate(zip(KINDS, SAID, strict=True))]  # fmt: skip
        rows[1:1] = [("takes/gone.wav", "Гэтага файла няма.", "Alena"), ("takes/mute.wav", "", "")]
        with (self.home / "lines.csv").open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file, delimiter=";")
            writer.writerow(header)
            writer.writerows((clip, changes.get(clip, text), who) for clip, text, who in rows)


def name_the_corpus(reader: Reader) -> None:
    """Put the page's two blocks of YAML into ``conf/sources.yaml`` and ``params.yaml``."""
    source, values = blocks("Your speech", "yaml")
    path = reader.repo.folder / "conf/sources.yaml"
    assert "/home/me/recordings" in source
    path.write_text(path.read_text() + source.replace("/home/me/recordings", str(reader.home)))
    path, yaml = reader.repo.folder / "params.yaml", YAML()
    params = yaml.load(path)
    for section, own in yaml.load(values).items():
        params[section] = own if section == "corpora" else params[section] | own
    yaml.dump(params, path)


def follow_to_the_report(folder: Path) -> None:
    """Parts 1 to 3, which the others go on from."""
    (folder / "repo").mkdir()
    repo = copy_of_this_repository(folder / "repo")
    repo.set_params(TINY)
    (repo.folder / "dvc.lock").unlink(missing_ok=True)
    repo.commit("The smallest model")
    reader = Reader(repo, folder / "recordings", {})
    (reader.home / "takes").mkdir(parents=True)
    for n, (kind, text) in enumerate(zip(KINDS, SAID, strict=True)):
        clip = reader.home / f"takes/{n:03}.{kind.lower()}"
        clip.write_bytes(sound(text, "be", kind, 44_100))
    (reader.home / "takes/mute.wav").write_bytes(sound("Нешта іншае.", "be", "WAV"))
    reader.write_table({})
    name_the_corpus(reader)
    (folder / "first.txt").write_text(reader.follow("First run"))
    (folder / "report.txt").write_text(reader.follow("The report"))


@pytest.fixture
def after_first_run(made_once):
    folder = made_once("docs-path", follow_to_the_report)
    return Reader(PipelineRepo(folder / "repo"), folder / "recordings", {})


@pytest.mark.slow
def test_a_folder_becomes_a_report(after_first_run):
    folder = after_first_run.repo.folder
    rejects = (folder / "data/rejects/mine.csv").read_text(encoding="utf-8")
    assert "takes/gone.wav" in rejects and "takes/mute.wav" in rejects
    splits = (folder / f"data/manifests/{name}.jsonl" for name in ("train", "dev", "test"))
    assert {one.text for split in splits for one in read_manifest(split)} == set(SAID)
    wer = read_json(folder / "metrics/compare.json")["groups"]["overall"]["wer"]
    page = (folder / "metrics/report.html").read_text(encoding="utf-8")
    said = (folder.parent / "report.txt").read_text()
    for model in ("base", "tuned"):
        assert f"{wer[model]:.3f}" in page and f"{wer[model]:.3f}" in said
    assert "corpus mine" in said
    # The smoke test has the same values here, so the run itself computes nothing again.
    assert "is cached - skipping run" in (folder.parent / "first.txt").read_text()


@pytest.mark.slow
def test_the_same_on_a_machine_over_ssh(after_first_run, tmp_path):
    first = after_first_run.repo
    repo = first.clone(tmp_path / "laptop")
    repo.share_cache_of(first)
    repo.run("git", "clone", "--quiet", "--bare", ".", str(tmp_path / "bare.git"))
    repo.run("git", "remote", "set-url", "origin", str(tmp_path / "bare.git"))
    reader = Reader(repo, after_first_run.home, {"s3://bucket/path": str(tmp_path / "storage")})
    (tmp_path / "sshd").mkdir()
    with ssh_server(tmp_path / "sshd", VENV=sys.prefix) as server:
        values = {
            "PROVIDER": "ssh", "SSH_HOST": f"{server.user}@{server.host}", "SSH_PORT": server.port,
            "SSH_KEY_PATH": server.key, "SSH_OPTIONS": server.options, "WORKDIR": tmp_path / "box",
        }  # fmt: skip
        settings = "".join(f"{key}='{value}'\n" for key, value in values.items())
        (repo.folder / ".pod.env").write_text(settings)
        said = reader.follow("On a rented GPU")
    assert "faster is pushed" in said
    shown = json.loads(repo.run("dvc", "exp", "show", "--json"))
    runs = [one for base in shown for one in base["experiments"] or ()]
    (faster,) = [r["data"] for one in runs for r in one["revs"] if r["name"] == "faster"]
    assert faster["params"]["params.yaml"]["data"]["train"]["lr"] == 1e-4
    assert "metrics/compare.json" in faster["metrics"]


def write_new_recordings(folder: Path) -> None:
    """``new.csv`` with a recording that nobody transcribed, and ``clip.wav``."""
    (folder / "new").mkdir()
    (folder / "new/one.mp3").write_bytes(sound("Добры дзень.", "be", "MP3"))
    (folder / "new.csv").write_text("id;path\none;new/one.mp3\n")
    (folder / "clip.wav").write_bytes(sound("Добры вечар.", "be", "WAV"))


@pytest.mark.slow
def test_a_correction_is_learned_and_the_model_is_packaged_and_served(after_first_run):
    reader, folder = after_first_run, after_first_run.repo.folder
    write_new_recordings(folder)
    learned = read_manifest(folder / "data/manifests/train.jsonl")[0]
    clip = next(f"takes/{n:03}.{KINDS[n].lower()}" for n in range(5) if SAID[n] == learned.text)
    reader.write_table({clip: f"{learned.text} Так."})
    said = reader.follow("Corrections")
    assert "WER HEAD" in said and "WER workspace" in said
    again = {one.text for one in read_manifest(folder / "data/manifests/train.jsonl")}
    assert f"{learned.text} Так." in again and learned.text not in again
    assert "new/one.mp3" in (folder / "to_correct.csv").read_text()
    assert reader.repo.run("git", "log", "--format=%s", "-1") == "Second round\n"

    said = use(reader)
    package = folder / "models/package/whisper-base-mine-0.1.0"
    assert {path.name for path in package.iterdir()} >= {"README.md", "SHA256SUMS", "config.json"}
    (one,) = map(json.loads, (folder / "predictions.jsonl").read_text().splitlines())
    (same,) = map(json.loads, (folder / "released.jsonl").read_text().splitlines())
    assert one == same and one["utterance_id"] == "one"
    assert '{"text":' in said


def use(reader: Reader) -> str:
    """Follow the last part with commands; from ``make serve`` on its server runs."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    path = reader.repo.folder / "conf/serve.yaml"
    path.write_text(path.read_text().replace("port: 8000 ", f"port: {port} "))
    assert read_yaml(path)["server"]["port"] == port
    reader.places["127.0.0.1:8000"] = f"127.0.0.1:{port}"
    all_lines = lines("Your model in use")
    start = all_lines.index("make serve")
    said = [reader.run(line) for line in all_lines[:start]]
    makefile = (ROOT / "Makefile").read_text()
    serve = re.search(r"^serve: .*\n\t(.+)$", makefile, flags=re.MULTILINE)[1]
    with reader.repo.started(*shlex.split(serve)) as server:
        wait_for(lambda: answers(port) or server.poll() is not None)
        said += [reader.run(line) for line in all_lines[start + 1 :]]
        server.send_signal(signal.SIGTERM)
    return "".join(said)


def answers(port: int) -> bool:
    """Whether a server listens on a port of this machine."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
