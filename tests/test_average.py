# python -m pytest tests/test_average.py
"""commands.average: the mean of models, by hand; what is no model of the same architecture."""

import hashlib
import shutil
from itertools import permutations
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from asr.core.errors import InputError
from asr.training.state.checkpoint import Checkpoint, save_checkpoint
from asr.utterances.shards import write_shards
from asr.utterances.utterance import write_manifest
from asr.utterances.waveform import to_int16
from commands.average import NOT_BEST, average, main
from tests.tiny_families import CLIPS, FAMILIES, ROOT, WHISPER, utterances
from tests.tiny_whisper import write_transformers

FILE = "model.safetensors"


def write(folder: Path, values, more=None, config="{}", **tensors) -> Path:
    folder.mkdir()
    weights = {"proj.weight": torch.tensor(values), "norm.bias": torch.tensor([1.0, 2.0])}
    save_file(weights | tensors | (more or {}), folder / FILE, metadata={"format": "pt"})
    (folder / "config.json").write_text(config)
    (folder / "tokenizer").mkdir()
    (folder / "tokenizer" / "vocab.txt").write_text("а б")
    return folder


@pytest.fixture
def two(tmp_path):
    return write(tmp_path / "a", [[1.0, 2.0]]), write(tmp_path / "b", [[3.0, -2.0]])


def content(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_the_mean_of_two_by_hand_with_their_other_files(two, tmp_path):
    assert average(tmp_path / "out", two, None)
    found = load_file(tmp_path / "out" / FILE)
    assert found["proj.weight"].tolist() == [[2.0, 0.0]]
    assert found["norm.bias"].tolist() == [1.0, 2.0]
    kept, ours = content(two[0]), content(tmp_path / "out")
    assert ours.keys() == kept.keys()
    assert ours["tokenizer/vocab.txt"] == kept["tokenizer/vocab.txt"]
    save_file(found, tmp_path / "again", metadata={"format": "pt"})
    assert ours[FILE] == (tmp_path / "again").read_bytes()


def test_the_order_does_not_matter_even_where_a_sum_in_double_rounds(tmp_path):
    folders = [write(tmp_path / str(value), [value]) for value in (1e30, -1e30, 1.0)]
    means = []
    for number, order in enumerate(permutations(folders)):
        average(tmp_path / f"mean{number}", order, None)
        means.append(content(tmp_path / f"mean{number}"))
    assert means == means[:1] * 6


def test_half_precision_stays_and_is_summed_in_double(tmp_path):
    large = torch.tensor([60000.0, 1.0])
    folders = []
    for name, dtype in (("a", torch.float16), ("b", torch.float16), ("c", torch.bfloat16)):
        folders.append(write(tmp_path / name, [1.0], half=large.to(dtype)))
    average(tmp_path / "out", folders[:2], None)
    assert load_file(tmp_path / "out" / FILE)["half"].tolist() == large.half().tolist()
    with pytest.raises(InputError, match=r"c/model\.safetensors: half: dtype: expected F16 as in"):
        average(tmp_path / "more", folders, None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": [[1.0, 2.0, 3.0]]}, r"proj\.weight: shape: expected \[1, 2\] as in .*\[1, 3\]"),
        ({"extra": torch.zeros(1)}, r"the weights of .*, extra are only in one of them"),
        ({"config": '{"model_type": "other"}'}, r"the files of .*, config\.json differ: they are"),
        ({"values": [[float("nan"), 1.0]]}, r"b/model\.safetensors: proj\.weight: expected finite"),
        ({"more": {"norm.bias": torch.tensor([1, 2])}}, r"norm\.bias: dtype: expected F32 .*I64"),
    ],
)
def test_another_architecture_is_refused_by_name(tmp_path, changes, message):
    one = write(tmp_path / "a", [[1.0, 2.0]])
    other = write(tmp_path / "b", **{"values": [[1.0, 2.0]], **changes})
    with pytest.raises(InputError, match=message):
        average(tmp_path / "out", [one, other], None)
    assert not (tmp_path / "out").exists()


def test_integers_must_be_equal(tmp_path):
    one, other = (
        write(tmp_path / name, [1.0], steps=torch.tensor(steps))
        for name, steps in (("a", 1), ("b", 2))
    )
    with pytest.raises(InputError, match="steps: expected equal integers"):
        average(tmp_path / "out", [one, other], None)


def test_what_is_no_model_or_named_twice_is_refused(two, tmp_path):
    for folders, message in (
        ([two[0]], "at least two folders to average, got 1"),
        ([two[0], two[1], two[0] / ".." / "a"], "expected different folders"),
        ([two[0], tmp_path / "c"], "c: expected a folder with a model, there is none"),
        ([two[0], two[0] / "tokenizer"], r"tokenizer: expected weights as \*\.safetensors, got vo"),
    ):
        with pytest.raises(InputError, match=message):
            average(tmp_path / "out", folders, None)
    (two[1] / FILE).write_bytes((two[1] / FILE).read_bytes()[:40])
    with pytest.raises(InputError, match=r"b/model\.safetensors: expected a safetensors file"):
        average(tmp_path / "out", two, None)
    with pytest.raises(InputError, match="a: expected a new folder, it exists"):
        average(two[0], two, None)


def checkpoint(folder: Path, **tensors) -> Path:
    named = {name.replace("__", "/").replace("_w", ".w"): t for name, t in tensors.items()}
    return save_checkpoint(folder, Checkpoint(100, named, {}, {}))[0].parent


def test_a_checkpoint_puts_its_averages_into_the_first_model(two, tmp_path):
    average_of = torch.tensor([[5.0, 6.0]])
    saved = checkpoint(
        tmp_path / "run",
        weight__proj_weight=average_of + 9,
        average__proj_weight=average_of,
        exp_avg__proj_weight=average_of * 2,
    )
    average(tmp_path / "out", [two[0], saved], None)
    found = load_file(tmp_path / "out" / FILE)
    assert found["proj.weight"].tolist() == [[3.0, 4.0]]
    assert found["norm.bias"].tolist() == [1.0, 2.0]
    with pytest.raises(InputError, match="a model in the first folder, got a checkpoint"):
        average(tmp_path / "more", [saved, two[0]], None)
    lora = checkpoint(tmp_path / "lora", weight__proj_lora_weight=average_of)
    with pytest.raises(InputError, match=r"expected weights of .*, got proj_lora\.weight; an adap"):
        average(tmp_path / "more", [two[0], lora], None)


@pytest.mark.parametrize(("rate", "kept"), [(0.1, True), (0.2, False), (0.3, False)])
def test_dev_decides(two, tmp_path, capsys, rate, kept):
    rates = {"a": 0.2, "b": 0.4}
    assert average(tmp_path / "out", two, lambda folder: rates.get(folder.name, rate)) == kept
    assert (tmp_path / "out").exists() == kept
    assert f"{rate:.4f}  the mean" in capsys.readouterr().out


@pytest.mark.integration
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.family)
def test_the_mean_is_a_model_in_every_family(family, made_once, tmp_path):
    base = made_once(f"tiny-{family.family}", lambda folder: family.write_base(folder / "base"))
    one, other, out = base / "base", tmp_path / "other", tmp_path / "out"
    shutil.copytree(one, other)
    for path in other.rglob("*.safetensors"):
        moved = {name: weight + 0.01 for name, weight in load_file(path).items()}
        save_file(moved, path, metadata={"format": "pt"})
    average(out, [one, other], None)
    assert content(out).keys() == content(one).keys()
    for path in out.rglob("*.safetensors"):
        given = load_file(one / path.relative_to(out))
        for name, weight in load_file(path).items():
            torch.testing.assert_close(weight, given[name] + 0.005)
    family.engine(out)


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """params.yaml, two tiny Whispers and their mean, and the audio of four clips."""
    monkeypatch.chdir(tmp_path)
    params = (ROOT / "params.yaml").read_text()
    for old, new in (("num_beams: 5", "num_beams: 1"), ("context: dynamic", "context: full")):
        assert old in params
        params = params.replace(old, new)
    Path("params.yaml").write_text(params)
    write_transformers(Path("a"), max_source_positions=1500, max_target_positions=20)
    shutil.copytree("a", "b")
    weights = load_file(Path("a", FILE))
    torch.manual_seed(2)
    other = {name: weight + torch.randn_like(weight) for name, weight in weights.items()}
    save_file(other, Path("b", FILE), metadata={"format": "pt"})
    average(Path("mean"), [Path("a"), Path("b")], None)
    Path("prepared/xx").mkdir(parents=True)
    samples = [to_int16(clip).tobytes() for clip in CLIPS]
    clips = [
        (one.model_copy(update={"sha256": hashlib.sha256(audio).hexdigest()}), audio)
        for one, audio in zip(utterances("be"), samples, strict=True)
    ]
    return write_shards(Path("prepared/xx"), clips, 2**20)


@pytest.mark.integration
@pytest.mark.parametrize(("speaker", "status"), [("mean", 0), ("a", NOT_BEST)])
def test_the_command_keeps_the_mean_if_dev_is_what_it_writes_and_not_what_another_writes(
    workspace, monkeypatch, capsys, speaker, status
):
    transcribe = WHISPER.engine(Path(speaker)).transcribe
    heard = [transcribe([clip], [one], 30.0, [16])[0].text
             for clip, one in zip(CLIPS, workspace, strict=True)]  # fmt: skip
    said = [
        one.model_copy(update={"text": text}) for one, text in zip(workspace, heard, strict=True)
    ]
    write_manifest(Path("dev.jsonl"), said)
    monkeypatch.setattr("sys.argv", ["average", "out", "a", "b", "--dev", "dev.jsonl",
                                     "--prepared", "prepared"])  # fmt: skip
    assert main() == status
    assert Path("out").exists() == (status == 0)
    printed = capsys.readouterr().out
    assert f"0.0000  {'the mean, out' if status == 0 else speaker}\n" in printed
    assert len(printed.splitlines()) == 4
