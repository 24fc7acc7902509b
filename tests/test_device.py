import os
import subprocess
import sys

import pytest

from asr.core.errors import InputError
from asr.devices.device import device_name, use_machine
from asr.devices.params import MachineParams

DECODING = "stages.transcribe, stages.audit, asr.families.whisper.decoding.ctranslate2_engine"
HEAVY = f"""
import sys
import {DECODING}, asr.families.whisper.judge.judge
print(sorted({{"torch", "transformers"}} & sys.modules.keys()))
"""


def machine(device):
    return MachineParams(device=device, num_threads=1, num_processes=1, shard_weights=False)


def test_it_is_what_torch_would_say():
    assert device_name(machine("auto")) == use_machine(machine("auto")).type
    assert device_name(machine("cpu")) == "cpu"


def test_a_device_that_is_not_there_is_refused():
    missing = "cuda" if sys.platform == "darwin" else "mps"
    with pytest.raises(InputError, match=f"{missing} is not on this machine"):
        device_name(machine(missing))


@pytest.mark.parametrize("own", [None, "max_split_size_mb:64"])
def test_a_gpu_gets_memory_in_segments_that_grow_unless_the_user_chose(own, monkeypatch):
    monkeypatch.delenv("PYTORCH_ALLOC_CONF", raising=False)
    monkeypatch.delenv("PYTORCH_CUDA_ALLOC_CONF", raising=False)
    if own:
        monkeypatch.setenv("PYTORCH_CUDA_ALLOC_CONF", own)
    use_machine(machine("auto"))
    assert os.environ.get("PYTORCH_ALLOC_CONF") == (None if own else "expandable_segments:True")


@pytest.mark.integration
def test_decoding_on_a_cpu_does_without_torch():
    done = subprocess.run([sys.executable, "-c", HEAVY], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
