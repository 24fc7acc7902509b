# python -m pytest tests/test_predict_command.py    (a minute on two cores)
"""commands.predict with a model of every family, any audio format, kills, and faulty folders."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from asr.core.csv_files import read_csv
from asr.families.protocols import family_module
from asr.prediction.model import family_of, model_hash
from asr.scoring.normalizers import verbatim
from asr.training.state.checkpoint import Checkpoint, save_checkpoint
from asr.utterances.shards import write_shards
from asr.utterances.utterance import write_manifest
from asr.utterances.waveform import to_int16
from commands.predict import FAILED, main
from tests.bad_audio import stranger_files, truncated_files, whole_files
from tests.examples import tone, utterance, wav
from tests.pipeline_repo import wait_for
from tests.tiny_families import CTC, FAMILIES, ROOT, WHISPER, utterances

OF_FAMILIES = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.family)


@pytest.fixture(scope="module")
def model(made_once):
    def of(family):
        def write(folder):
            if family is not CTC:
                return family.write_base(folder / "model")
            # Its letters come from train, so a base alone can't transcribe.
            family.write_base(folder / "base")
            (folder / "model").mkdir()
            return family.trainee(folder / "base").save(folder / "model")

        return made_once(f"predict-{family.family}", write) / "model"

    return of


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch):
    """An empty repository of the project's own params, but for greedy search in small groups."""
    monkeypatch.chdir(tmp_path)
    params = (ROOT / "params.yaml").read_text()
    changes = {"num_beams: 5": "num_beams: 1", "  batch_seconds: 30.0 ": "  batch_seconds: 1.0 ",
               "  max_duration_s: 30.0": "  max_duration_s: 3.0",
               "  device: auto": "  device: cpu"}  # fmt: skip
    for old, new in changes.items():
        assert params.count(old) == 1, old
        params = params.replace(old, new)
    Path("params.yaml").write_text(params)
    return tmp_path


def write_clips(files: dict[str, bytes], **more) -> Path:
    """A manifest in the challenge's form, with its files in two folders."""
    lines = []
    for number, (name, content) in enumerate(files.items()):
        file = Path(f"part_{number % 2}/audio/{name}")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        lines.append({"utterance_id": name, "audio_path": f"audio/{name}", **more})
    Path("clips.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Path("clips.jsonl")


def words(folder: Path, *more: str, out: str = "out.jsonl") -> list[str]:
    return ["--model", str(folder), "--manifest", "clips.jsonl", "--out", out,
            "--language", "be", *more]  # fmt: skip


def command(monkeypatch, folder: Path, *more: str, out: str = "out.jsonl") -> int:
    monkeypatch.setattr("sys.argv", ["predict", *words(folder, *more, out=out)])
    return main()


def predictions(out: str = "out.jsonl") -> dict[str, str]:
    lines = [json.loads(line) for line in Path(out).read_text().splitlines()]
    return {line["utterance_id"]: line["orthographic_text"] for line in lines}


@pytest.mark.integration
@OF_FAMILIES
def test_a_model_of_any_family_predicts_and_is_recognised(family, model, monkeypatch, capsys):
    clips = {f"{i}.wav": wav(tone(0.4 + 0.2 * i, hz=300.0 + 400 * i)) for i in range(4)}
    write_clips(clips | {"long.wav": wav(tone(7.0))}, orthographic_text="лес")
    assert family_of(model(family)) == family.family
    assert command(monkeypatch, model(family), "--score") == 0
    assert list(predictions()) == [*clips, "long.wav"]
    printed = capsys.readouterr().out
    assert "out.jsonl: 5 of 5 clips\noverall: WER " in printed
    few = "no intervals over 5 utterances, fewer than score.min_blocks"
    assert f"; 5 clips, 5 words, {few}" in printed
    written = Path("out.jsonl").read_bytes()
    assert command(monkeypatch, model(family)) == 0  # and needs no model: nothing is left to do
    assert Path("out.jsonl").read_bytes() == written


@pytest.mark.integration
def test_a_further_test_set_is_scored_by_its_own_normalizer(model, monkeypatch, capsys):
    params = Path("params.yaml").read_text()
    line = "{format: jsonl, language: be, source: fleurs, normalizer: verbatim}"
    assert "\ntest_sets: {} " in params
    Path("params.yaml").write_text(params.replace(": {} ", f": {{phone: {line}}} ", 1))
    audio = to_int16(tone(0.5)).tobytes()
    one = utterance("a", corpus="phone", text="Лес!", language="be", duration_s=0.5,
                    sha256=hashlib.sha256(audio).hexdigest())  # fmt: skip
    shards, manifest = Path("data/test_sets/prepared/phone"), "data/test_sets/manifests/phone.jsonl"
    shards.mkdir(parents=True)
    write_manifest(Path(manifest), write_shards(shards, [(one, audio)], 2**20))
    # A later --manifest counts; no --prepared.
    assert command(monkeypatch, model(WHISPER), "--score", "--manifest", manifest) == 0
    assert f"normalizers: be {verbatim.ID}\n" in capsys.readouterr().out


@pytest.mark.integration
def test_predictions_are_the_engines_own_texts(model, monkeypatch):
    folder = model(CTC)
    clips = [tone(0.4 + 0.2 * i, hz=300.0 + 400 * i) for i in range(4)]
    write_clips({f"{i}.wav": wav(clip) for i, clip in enumerate(clips)})
    command(monkeypatch, folder)
    engine = CTC.engine(folder)
    role = family_module("ctc", "decoding")
    computed = role.computed_seconds(folder, None).first
    for index, (clip, one) in enumerate(zip(clips, utterances("be"), strict=True)):
        (alone,) = engine.transcribe([clip], [one], computed(one.duration_s), [99])
        assert predictions()[f"{index}.wav"] == alone.text


@pytest.mark.integration
def test_any_format_is_read_and_bad_files_cost_only_their_lines(model, monkeypatch, capsys):
    good = {f"good-{name}": content for name, content in whole_files().items()}
    bad = {f"bad-{name}": content for name, content in
           [*list(truncated_files().items())[:3], *list(stranger_files().items())[:3]]}  # fmt: skip
    mixed = dict(sorted((good | bad).items(), key=lambda item: item[0][::-1]))
    write_clips(mixed)
    assert command(monkeypatch, model(WHISPER)) == FAILED
    assert predictions().keys() == good.keys()
    rows = read_csv(Path("out.jsonl.failures.csv"), ("utterance_id", "why"))
    listed = {row["utterance_id"]: row["why"] for row in rows}
    assert listed.keys() == bad.keys()
    assert all(listed.values())
    assert f"out.jsonl.failures.csv: {len(bad)} failed, first bad-" in capsys.readouterr().out
    write_clips(dict.fromkeys(mixed, good["good-pcm16.wav"]))
    assert command(monkeypatch, model(WHISPER)) == 0
    assert predictions().keys() == mixed.keys()
    assert not Path("out.jsonl.failures.csv").exists()


@pytest.mark.integration
def test_killed_and_resumed_it_writes_the_same_bytes(model, monkeypatch):
    write_clips({f"{i}.wav": wav(tone(0.3 + i / 400, hz=200.0 + i)) for i in range(200)})
    folder, out = model(WHISPER), Path("out.jsonl")
    started = [sys.executable, "-m", "commands.predict", *words(folder)]
    with subprocess.Popen(started, env={**os.environ, "PYTHONPATH": str(ROOT)}) as run:
        wait_for(lambda: out.exists() and b"\n" in out.read_bytes())
        run.send_signal(signal.SIGKILL)
    assert 0 < (num := len(out.read_text().splitlines())) < 200, num
    assert command(monkeypatch, folder) == 0
    assert command(monkeypatch, folder, out="whole.jsonl") == 0
    assert out.read_bytes() == Path("whole.jsonl").read_bytes()


@pytest.mark.integration
def test_a_resume_with_another_model_or_params_is_refused(model, monkeypatch):
    write_clips({"a.wav": wav(tone(0.3)), "b.wav": b"?"})
    folder = Path("model")
    shutil.copytree(model(WHISPER), folder)
    assert command(monkeypatch, folder) == FAILED
    Path("params.yaml").write_text(
        Path("params.yaml").read_text().replace("  batch_seconds: 1.0 ", "  batch_seconds: 9.0 ")
    )
    assert command(monkeypatch, folder) == FAILED  # a change of speed alone goes on
    weights = load_file(folder / "model.safetensors")
    before = model_hash(folder)
    name = sorted(weights)[0]
    save_file(weights | {name: weights[name] + 1}, folder / "model.safetensors",
              metadata={"format": "pt"})  # fmt: skip
    assert model_hash(folder) != before
    with pytest.raises(SystemExit, match=rf"predict: out\.jsonl: model: expected '{before}' as in"):
        command(monkeypatch, folder)
    shutil.rmtree(folder)
    shutil.copytree(model(WHISPER), folder)
    Path("params.yaml").write_text(
        Path("params.yaml").read_text().replace("num_beams: 1", "num_beams: 2")
    )
    with pytest.raises(SystemExit, match=r"out\.jsonl: decode: .*'num_beams': 1.* got .*2"):
        command(monkeypatch, folder)


@pytest.mark.integration
@OF_FAMILIES
def test_a_folder_without_one_of_its_files_is_refused_in_a_line(family, model, monkeypatch):
    write_clips({"a.wav": wav(tone(0.3))})
    whole = model(family)
    names = sorted(str(p.relative_to(whole)) for p in whole.rglob("*") if p.is_file())
    refused = []
    for name in names:
        shutil.copytree(whole, "model", dirs_exist_ok=True)
        Path("model", name).unlink()
        try:
            more = ["--family", family.family]
            command(monkeypatch, Path("model"), *more, out=f"out-{name.replace('/', '-')}.jsonl")
        except SystemExit as error:
            assert str(error).startswith("predict: model"), error
            assert "expected" in str(error) or "can't be" in str(error), error
            refused.append(name)
    assert {Path(name).name for name in refused} >= {"config.json", "tokenizer.json"} & {
        Path(name).name for name in names
    }
    assert [name for name in names if name.endswith(".safetensors")] == [
        name for name in refused if name.endswith(".safetensors")
    ]


@pytest.mark.integration
@pytest.mark.parametrize("engine", ["ctranslate2", "torch"])
@pytest.mark.parametrize("pickle", ["pytorch_model.bin", "model.safetensors"])
def test_a_pickle_in_place_of_safetensors_is_refused_and_never_loaded(
    model, monkeypatch, engine, pickle
):
    write_clips({"a.wav": wav(tone(0.3))})
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("    engine: auto  ", f"    engine: {engine}  ", 1))
    shutil.copytree(model(WHISPER), "model")
    weights = load_file("model/model.safetensors")
    Path("model/model.safetensors").unlink()
    torch.save({**weights, "trap": Trap()}, Path("model", pickle))
    with pytest.raises(SystemExit, match="predict: model"):
        command(monkeypatch, Path("model"))
    assert not Path("trapped").exists()


class Trap:
    """A pickle of it writes a file when it is loaded."""

    def __reduce__(self):
        return (Path.touch, (Path("trapped"),))


@pytest.mark.integration
def test_what_is_no_model_of_the_family_is_refused(model, monkeypatch):
    write_clips({"a.wav": wav(tone(0.3))})
    for folder, more, message in (
        (Path("gone"), (), "predict: gone: expected a folder with a model, there is none"),
        (model(WHISPER), ("--family", "ctc"), "predict: .*expected a ctc model"),
        (model(WHISPER), ("--family", "wisper"), r"no family 'wisper', there are \['ctc'"),
    ):
        with pytest.raises(SystemExit, match=message):
            command(monkeypatch, folder, *more)


@pytest.mark.integration
def test_a_checkpoint_is_the_model_with_its_averaged_weights(model, monkeypatch):
    write_clips({f"{i}.wav": wav(tone(0.3 + i / 10, hz=300.0 + 99 * i)) for i in range(4)})
    base, tuned = Path("base"), Path("tuned")
    shutil.copytree(model(WHISPER), base)
    shutil.copytree(base, tuned)
    torch.manual_seed(3)
    moved = {name: weight + torch.randn_like(weight)
             for name, weight in load_file(base / "model.safetensors").items()}  # fmt: skip
    save_file(moved, tuned / "model.safetensors", metadata={"format": "pt"})
    named = {f"average/{name}": weight for name, weight in moved.items()}
    named |= {f"weight/{name}": weight + 9 for name, weight in moved.items()}
    saved = save_checkpoint(Path("scratch"), Checkpoint(1, named, {}, {}))[0].parent
    assert command(monkeypatch, saved, "--base", "base", out="checkpoint.jsonl") == 0
    assert command(monkeypatch, tuned, out="tuned.jsonl") == 0
    assert command(monkeypatch, base, out="base.jsonl") == 0
    assert predictions("checkpoint.jsonl") == predictions("tuned.jsonl")
    assert predictions("checkpoint.jsonl") != predictions("base.jsonl")
    assert sorted(path.name for path in Path().iterdir() if path.is_dir()) == [
        ".dvc", "base", "part_0", "part_1", "scratch", "tuned",
    ]  # fmt: skip
