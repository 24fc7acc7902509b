# python -m pytest tests/test_card_commands.py    (two minutes on two cores)
"""The card's commands, as they stand there, on real speech: every tool writes a transcript."""

import json
import os
import re
import shutil
import subprocess
import sys
from difflib import SequenceMatcher
from importlib.util import find_spec
from pathlib import Path

import pytest
import soundfile

from asr.core.files import write_json
from stages.package import package
from tests.package_inputs import ROOT, describe_export, write_inputs, write_lock
from tests.starter import starter_clips
from tests.tiny_whisper import write_ctranslate2

pytestmark = pytest.mark.slow
OUT = Path("models/package/whisper-base-be-bg-0.1.0")
INPUTS = ("models/export", "data/manifests", "metrics", "dvc.lock")
HAS_GGML = find_spec("asr.families.whisper.export") is not None


@pytest.fixture(scope="module")
def packaged(starter, tmp_path_factory):
    """A working directory with a package of Whisper-base, a clip in it, and what it says."""
    folder = tmp_path_factory.mktemp("card")
    write_inputs(folder)
    export = folder / "models/export"
    shutil.rmtree(export)
    shutil.copytree(starter / "base", export / "transformers")
    write_ctranslate2(export / "transformers", export / "ctranslate2_int8", "int8")
    runtimes = {"transformers": "transformers", "ctranslate2_int8": "faster-whisper"}
    if HAS_GGML:
        from asr.export.formats import Source
        from asr.families.whisper.export.ggml_file import write_ggml

        (export / "ggml_float16").mkdir()
        write_ggml(
            "float16", Source(starter / "base", starter / "base", ("be",)), export / "ggml_float16"
        )
        runtimes["ggml_float16"] = "pywhispercpp"
    formats = {name: describe_export(export / name, of) for name, of in runtimes.items()}
    index = {"family": "whisper", "formats": formats, "left_out": {}}
    write_json(export / "export.json", index)
    write_lock(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        package(*map(Path, INPUTS), OUT)
    clips = starter_clips(starter, "be", 40)
    longest = max(clips, key=lambda pair: len(pair[1]))[1]
    for place in (folder, folder / OUT):
        soundfile.write(place / "clip.wav", longest, 16000)
    return folder


def blocks(folder):
    """By tool, the language of its code and the code."""
    card = (folder / OUT / "README.md").read_text()
    part = card[card.index("## How to run it") : card.index("## Files")]
    found = re.findall(r"### (.+?)\n.*?```(\w+)\n(.*?)```", part, flags=re.DOTALL)
    return {tool: (syntax, code) for tool, syntax, code in found}


def run(folder, words):
    environment = os.environ | {
        "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }  # fmt: skip
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def ours(packaged):
    """What commands.predict writes, by the card's command."""
    _, code = blocks(packaged)["commands.predict"]
    run(packaged, ["bash", "-e", "-c", code])
    row = json.loads((packaged / "predictions.jsonl").read_text())
    assert row["utterance_id"] == "clip"
    return row["orthographic_text"]


@pytest.mark.parametrize(
    "tool", ["transformers", "faster-whisper", "whisper.cpp, through pywhispercpp"]
)
def test_a_tools_commands_write_what_ours_does(packaged, ours, tool):
    if tool.startswith("whisper.cpp") and not HAS_GGML:
        pytest.skip("no writer of GGML files here")
    syntax, code = blocks(packaged)[tool]
    assert syntax == "python"
    text = run(packaged / OUT, [sys.executable, "-c", code]).strip().splitlines()[-1]
    assert SequenceMatcher(None, text.strip().casefold(), ours.casefold()).ratio() > 0.6


def test_the_commands_of_a_server_name_the_model(packaged):
    _, code = blocks(packaged)["vLLM"]
    assert code.count("whisper-base-be-bg") == 2
    assert subprocess.run(["bash", "-n", "-c", code], check=False).returncode == 0
