# python -m pytest tests/test_package.py
"""The package: its files, its manifest, what stops it, and a card that shows values as they are."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard, parse_eval_result_entries

from asr.core.errors import InputError
from asr.core.files import read_json, sha256_of, write_json
from asr.core.params import read_yaml
from asr.packages.card import render_card
from asr.packages.manifest import locked_paths
from asr.packages.write import check_package
from stages.package import package
from tests.package_inputs import EXPORTS, ROOT, write_exports, write_inputs, write_lock

INPUTS = [Path(path) for path in ("models/export", "data/manifests", "metrics", "dvc.lock")]
OUT = Path("models/package/whisper-base-be-bg-0.1.0")


@pytest.fixture
def inputs(tmp_path, monkeypatch):
    """A working directory with the inputs of the stage."""
    write_inputs(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def made(out=OUT):
    package(*INPUTS, out)
    return read_json(out / "run_manifest.json")


def set_params(**values):
    """Set keys of section ``package``."""
    content = read_yaml(Path("params.yaml"))
    content["package"] |= values
    Path("params.yaml").write_text(yaml.safe_dump(content, allow_unicode=True))


def edit(path, change):
    content = read_json(Path(path))
    change(content)
    write_json(Path(path), content)


def card_of(out=OUT):
    return (out / "README.md").read_text(encoding="utf-8")


def front_matter(out=OUT):
    return ModelCard.load(out / "README.md").data


def test_the_export_for_the_hub_is_at_the_top_and_others_are_in_their_folders(inputs):
    made()
    files = {str(path.relative_to(OUT)) for path in OUT.rglob("*") if path.is_file()}
    exported = {
        file if name == "transformers" else f"{name}/{file}"
        for name, (_, contents) in EXPORTS.items()
        for file in contents
    }
    assert files == exported | {"README.md", "run_manifest.json", "SHA256SUMS"}
    checked = subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=OUT,
                             capture_output=True, check=False)  # fmt: skip
    assert checked.returncode == 0


def test_equal_inputs_give_equal_bytes_wherever_and_whenever(inputs, monkeypatch):
    made(Path("one"))
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    os.utime("metrics/compare.json", (0, 0))
    made(Path("two"))
    first, second = ((Path(name) / "SHA256SUMS").read_text() for name in ("one", "two"))
    assert first == second


def test_the_manifest_has_no_time_commit_or_path_of_this_machine(inputs):
    made()
    text = "".join(path.read_text() for path in OUT.rglob("*") if path.is_file())
    assert str(inputs) not in text
    assert not re.search(r"20\d\d-\d\d-\d\dT|\bcommit\b", text)


def test_places_of_this_machine_and_network_are_left_out(inputs):
    content = read_yaml(Path("params.yaml"))
    content["model"]["name"] = "mine"
    server = {"url": "http://10.0.0.7:8000/v1", "name": "x"}
    content["decode"]["server"]["models"] = {"tuned": server}
    Path("params.yaml").write_text(yaml.safe_dump(content))
    blocks = read_yaml(Path("conf/models.yaml"))
    weights = {"kind": "folder", "path": "/home/me/secret/round1"}
    blocks["whisper"]["mine"] = {"weights": weights, "language_token": {"be": "ru"}}
    Path("conf/models.yaml").write_text(yaml.safe_dump(blocks))
    manifest = made()
    assert manifest["base"]["weights"]["weights"] == {"kind": "folder", "path": "round1"}
    text = (OUT / "run_manifest.json").read_text()
    assert "/home/me" not in text and "10.0.0.7" not in text
    assert 'options = {"language": "ru"' in card_of()  # other tools know no other token for it


def test_the_manifest_says_what_went_in(inputs):
    manifest = made()
    assert manifest["data"]["train"] == {
        "manifest_sha256": sha256_of(Path("data/manifests/train.jsonl")),
        "num_utterances": 2, "hours": 0.0006, "corpora": {"be": 2}, "languages": {"be": 2},
    }  # fmt: skip
    lock = read_yaml(Path("dvc.lock"))["stages"]["train"]["outs"][0]
    assert manifest["lock"][lock["path"]] == lock["md5"]
    params = read_yaml(Path("params.yaml"))
    assert manifest["hyperparameters"]["train"] == params["train"]
    assert manifest["hyperparameters"]["whisper"] == params["whisper"]
    block = read_yaml(Path("conf/models.yaml"))["whisper"]["base"]
    assert manifest["base"]["weights"] == block
    wer = manifest["scores"]["test"]["wer"]
    assert wer == read_json(Path("metrics/compare.json"))["groups"]["overall"]["wer"]
    assert manifest["normalizers"] == read_json(Path("metrics/score/tuned.json"))["normalizers"]
    assert manifest["gates"] == read_json(Path("metrics/scorecard.json"))["gates"]


def test_examples_of_guards_are_no_part_of_it(inputs):
    """They hold transcripts and names of recordings."""
    example = read_json(Path("metrics/guards.json"))["tuned"]["hallucination"]["examples"][0]
    made()
    assert example["text"] not in (OUT / "run_manifest.json").read_text()


def test_dvc_yaml_lists_what_the_stage_reads():
    stage = read_yaml(ROOT / "dvc.yaml")["stages"].get("package")
    if stage is None:
        pytest.skip("dvc.yaml has no stage package yet")
    declared = {dep for dep in stage["deps"] if not re.match("asr/|stages/", dep)}
    read = locked_paths(Path("data/manifests"), Path("metrics"), Path("models/export"), [])
    assert declared == {*read, "metrics/test_sets"}


@pytest.mark.parametrize(
    ("file", "key", "value", "message"),
    [
        ("parity", "passed", False, "parity: fail: exports transcribe 24 dev clips"),
        ("train", "labels", {"num_lossy": 3, "num_too_long": 2, "num_utterances": 100},
         r"label_doctor: fail: .*at most 0\.01: 0\.0500"),
    ],
)  # fmt: skip
def test_a_required_check_that_fails_stops_it(inputs, file, key, value, message):
    edit(f"metrics/{file}.json", lambda content: content.update({key: value}))
    with pytest.raises(InputError, match=message):
        made()
    assert not OUT.exists()


def test_one_export_without_parity_is_named(inputs):
    edit("metrics/parity.json", lambda c: c["formats"]["ggml_float16"].update(passed=False))
    with pytest.raises(InputError, match="not so: ggml_float16"):
        made()


def test_other_checks_that_fail_are_in_the_card(inputs):
    set_params(require=["label_doctor"])
    edit("metrics/parity.json", lambda content: content.update(passed=False))
    made()
    assert re.search(r"\| parity \| \*\*failed\*\* \| .* \| no \|", card_of())
    assert re.search(r"Checks that fail: .*parity", card_of())


def test_a_gate_can_be_required(inputs):
    set_params(require=["production"])
    with pytest.raises(InputError, match=r"production: fail: WER overall, at most 0\.2: 0\.5"):
        made()


def test_a_requirement_that_there_is_not_is_named(inputs):
    set_params(require=["timestamps_valid"])  # a gate that is null
    with pytest.raises(InputError, match=r"package\.require: no check 'timestamps_valid', there"):
        made()


def test_a_folder_that_is_there_is_no_package_to_replace(inputs):
    made()
    before = sha256_of(OUT / "SHA256SUMS")
    edit("metrics/alignment.json", lambda content: content.update(coverage=0.5))
    with pytest.raises(InputError, match=r"package-0\.1\.0|bg-0\.1\.0: exists; set package\.ver"):
        made()
    assert sha256_of(OUT / "SHA256SUMS") == before


def test_an_export_that_changed_since_is_named(inputs):
    Path("models/export/ctranslate2_int8/model.bin").write_text("int9")
    with pytest.raises(InputError, match=r"ctranslate2_int8/model\.bin: expected SHA-256"):
        made()
    Path("models/export/ctranslate2_int8/more.bin").write_text("int9")
    with pytest.raises(InputError, match=r"ctranslate2_int8: expected the files .* of export\.js"):
        made()
    assert not OUT.exists()


def test_an_exports_file_with_a_name_of_ours_is_refused(inputs):
    shutil.rmtree("models/export/transformers")
    files = {"README.md": "mine", "config.json": "{}"}
    write_exports(Path("models/export"), {"transformers": ("transformers", files)})
    with pytest.raises(InputError, match=r"README\.md: an export has a file of this name"):
        made()


def test_formats_that_no_export_is_are_refused(inputs):
    set_params(formats=["openai"])
    with pytest.raises(InputError, match=r"package\.formats: expected one of .*ggml_float16"):
        made()


def test_a_model_that_transformers_cannot_load_is_there_as_it_is(inputs):
    described = read_json(Path("models/export/export.json"))
    for name in EXPORTS:
        del described["formats"][name]
    described["left_out"] = {"transformers": "no class has the projector"}
    write_json(Path("models/export/export.json"), described)
    Path("models/tuned/encoder").mkdir(parents=True)
    Path("models/tuned/encoder/weights").write_text("x")
    made()
    assert (OUT / "encoder/weights").read_text() == "x"
    card = card_of()
    assert "- Left out: transformers: no class has the projector" in card
    assert "### commands.predict" in card and "### vLLM" not in card
    assert "| this folder | commands.predict | 0.0 |" in card
    assert front_matter().library_name is None
    check_package(OUT)


def test_a_full_disk_leaves_no_package(inputs, small_disk):
    Path("models/export/ggml_float16/ggml-model.bin").write_bytes(bytes(300_000))
    described = read_json(Path("models/export/export.json"))
    sha256 = sha256_of(Path("models/export/ggml_float16/ggml-model.bin"))
    described["formats"]["ggml_float16"]["files"]["ggml-model.bin"] = sha256
    write_json(Path("models/export/export.json"), described)
    with pytest.raises(InputError, match=r"x-1: can't be written: .*No space left"):
        made(small_disk / "x-1")
    assert list(small_disk.iterdir()) == []


def test_a_score_of_other_utterances_is_refused(inputs):
    edit("metrics/score/tuned.json", lambda content: content.update(test_sha256="0" * 64))
    with pytest.raises(InputError, match=r"score/tuned\.json: test_sha256: expected .*, got 0000"):
        made()


def test_an_input_that_dvc_lock_lacks_is_named(inputs):
    content = read_yaml(Path("dvc.lock"))
    del content["stages"]["train"]
    Path("dvc.lock").write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match=r"dvc\.lock: expected outs \['models/tuned'\]"):
        made()


NASTY = "a|b *bold* <script>x</script> [link](http://x) @me #1 $x$ `code`\n---\nlicense: mit\n"


def test_text_of_data_and_params_is_no_markup(tmp_path, monkeypatch):
    write_inputs(tmp_path, {"be": NASTY})
    monkeypatch.chdir(tmp_path)
    set_params(description=NASTY)

    def rename(content):
        content["slices"][-1]["value"] = NASTY

    edit("metrics/score/tuned.json", rename)
    made()
    card = card_of()
    assert card.count(r"a\|b \*bold\* \<script\>x\</script\> \[link\](http") >= 3
    assert "<script>" not in card
    rows = [re.findall(r"(?<!\\)\|", line) for line in card.splitlines() if line.startswith("|")]
    assert {len(row) for row in rows} <= {4, 5, 6, 8, 9}  # no cell was split
    data = front_matter()
    assert data.license == "other"
    assert data.license_name == "see-below" or NASTY.lower().startswith(data.license_name[:3])


def test_what_was_not_measured_is_a_dash(inputs):
    """A family without timestamps, no sounds, no joined clips, references without words."""

    def forget(content):
        for one in content.values():
            one["hallucination"]["chars_per_minute"] = one["loops"]["share"] = None
            one["timestamps"], one["forgetting"]["fr"]["language_accuracy"] = None, None

    edit("metrics/guards.json", forget)
    edit("metrics/alignment.json", lambda content: content["joined"].update(mean_offset_s=None))
    edit("metrics/score/tuned.json", lambda content: content.update(worst_slice=None))

    def no_words(content):
        for key in ("base", "tuned", "difference", "difference_interval"):
            content["groups"]["overall"]["wer"][key] = None

    edit("metrics/compare.json", no_words)
    gate = {"requirement": "x, at most", "threshold": 1.0, "value": None, "status": "not measured"}
    edit("metrics/scorecard.json", lambda content: content["gates"].update(loops_share=gate))
    set_params(formats=["ggml_float16", "ggml_q8_0"], bases={})
    made()
    card = card_of()
    assert "| timestamps valid | – | – |" in card
    assert "| loops\\_share | not measured | x, at most 1: not measured | no |" in card
    assert "- Left out: ggml\\_q8\\_0: not in export.formats of params.yaml" in card
    assert "**Not to be published: not said (unknown license) of the base model.**" in card
    assert "### transformers" not in card
    [cer] = front_matter().eval_results
    assert cer.metric_type == "cer"


def test_front_matter_escapes_yaml(inputs):
    """Norwegian is not false, and a name is no mapping."""
    edit("metrics/scorecard.json", lambda content: None)
    manifest = made()
    manifest["data"]["train"]["languages"] = {"no": 3, "be": 1}
    manifest["license"] |= {"spdx": "my: license\n---\n# x", "hub": "other"}
    card = ModelCard(render_card(manifest))
    assert card.data.language == ["be", "no"]
    assert card.data.license_name == "my: license\n---\n# x"


def test_the_hub_reads_scores_and_origin(inputs):
    made()
    data = front_matter()
    assert (data.license, data.base_model, data.language) == (
        "gpl-2.0", "openai/whisper-base", ["be"]
    )  # fmt: skip
    [wer, cer] = data.eval_results
    overall = read_json(Path("metrics/compare.json"))["groups"]["overall"]
    assert wer.metric_value == round(100 * overall["wer"]["tuned"], 2)
    assert (cer.metric_type, cer.dataset_split) == ("cer", "test")


def test_a_data_set_of_the_hub_is_named(tmp_path, monkeypatch):
    write_inputs(tmp_path, {"be": "MIT", "calls": "CC-BY-4.0"})
    monkeypatch.chdir(tmp_path)
    made()
    assert front_matter().datasets == ["me/clips"]
    assert front_matter().license == "cc-by-4.0"


def test_a_benchmark_of_the_hub_has_a_file_of_the_hubs_format(inputs):
    folder = Path("metrics/test_sets/fleurs")
    write_json(folder / "data.json", {"test_sha256": "f" * 64})
    for name, source in (("base", "score/base"), ("tuned", "score/tuned"), ("compare", "compare")):
        content = read_json(Path(f"metrics/{source}.json")) | {"test_sha256": "f" * 64}
        write_json(folder / f"{name}.json", content)
    write_lock(Path(), ("fleurs",))
    content = read_yaml(Path("params.yaml"))
    line = {"format": "fleurs", "language": "be", "source": "x"}
    content["test_sets"] = {"fleurs": line}
    benchmark = {"dataset": "google/fleurs", "task": "be_by", "view": "open_asr"}
    content["package"]["benchmarks"] = {"fleurs": benchmark}
    Path("params.yaml").write_text(yaml.safe_dump(content))
    made()
    [entry] = parse_eval_result_entries(
        yaml.safe_load((OUT / ".eval_results/fleurs.yaml").read_text())
    )
    view = read_json(Path("metrics/score/tuned.json"))["views"]["open_asr"]
    assert (entry.dataset_id, entry.task_id) == ("google/fleurs", "be_by")
    assert entry.value == round(100 * view["wer"], 2)
    assert "open_asr-1" in entry.notes
    assert {one.dataset_type for one in front_matter().eval_results} == {
        "google/fleurs", "whisper-base-be-bg-test"
    }  # fmt: skip
    check_package(OUT)
    set_params(benchmarks={"other": benchmark})
    with pytest.raises(InputError, match=r"package\.benchmarks\.other: expected a name of test_"):
        made(Path("another"))


def test_a_changed_package_is_noticed(inputs):
    made()
    check_package(OUT)
    (OUT / "ggml_float16/ggml-model.bin").write_text("q5_2")
    with pytest.raises(InputError, match=r"ggml-model\.bin: expected SHA-256"):
        check_package(OUT)
    (OUT / "ggml_float16/ggml-model.bin").unlink()
    with pytest.raises(InputError, match=r"ggml-model\.bin: missing"):
        check_package(OUT)
    (OUT / "more").write_text("x")
    with pytest.raises(InputError, match="more: SHA256SUMS has no such file"):
        check_package(OUT)
