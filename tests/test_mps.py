# python -m pytest tests/test_mps.py
"""Training and greedy decoding on a Mac: nothing that torch itself lists as missing on MPS.

No machine of ours has an MPS device, so the operations are recorded on the CPU.
"""

import ast
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from asr.training.loop import train
from tests.tiny_families import ALONE, FAMILIES, SPEECH_LLM, task

# In torch's tests of all operations on MPS.
LIST = "UNIMPLEMENTED_XFAILLIST"


def missing_on_mps():
    """Operations that torch expects to fail on MPS in float32 or int64, by its own list."""
    source = Path(
        find_spec("torch.testing").submodule_search_locations[0], "_internal/common_mps.py"
    )
    found = {}
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if ast.unparse(target) == LIST:
                for key, value in zip(node.value.keys, node.value.values, strict=True):
                    dtypes = ast.unparse(value)
                    if dtypes == "None" or "torch.float32" in dtypes or "torch.int64" in dtypes:
                        found[ast.literal_eval(key)] = dtypes
    return found


class Recorded(TorchDispatchMode):
    """All operations with the dtype that they make, and those that make a float64 tensor."""

    def __init__(self):
        super().__init__()
        self.operations, self.in_float64 = set(), set()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        made = operation(*args, **(kwargs or {}))
        name = operation.overloadpacket.__name__
        tensors = made if isinstance(made, tuple | list) else [made]
        dtypes = {one.dtype for one in tensors if isinstance(one, torch.Tensor)}
        self.operations |= {(name, str(dtype)) for dtype in dtypes or {None}}
        if torch.float64 in dtypes:
            self.in_float64.add(name)
        return made


def test_torchs_list_is_where_this_test_looks():
    missing = missing_on_mps()
    assert len(missing) > 50
    assert "linalg.eig" in missing or "linalg.eigvals" in missing
    assert "matmul" not in missing


@pytest.mark.integration
@pytest.mark.parametrize(
    ("family", "own"),
    [*((family, {}) for family in FAMILIES), (SPEECH_LLM, {"ctc_share": 0.5})],
    ids=lambda value: getattr(value, "family", str(value)),
)
def test_a_family_trains_and_transcribes_with_what_mps_has(family, own, made_once, tmp_path):
    name = f"tiny-{family.family}"
    base = made_once(name, lambda folder: family.write_base(folder / "base")) / "base"
    made = task(family, family.trainee(base, own=own))
    params = family.params(num_epochs=1, step_clips=2, eval_every_steps=2, average_decay=0.9)
    with Recorded() as recorded:
        train(made, params, 1, ALONE, tmp_path)
    assert {"_fused_adamw_", "_foreach_lerp_"} <= {name for name, _ in recorded.operations}
    # `to` is on the list for its conversion to float64, which this test looks for itself.
    missing = {name.replace(".", "_"): dtypes for name, dtypes in missing_on_mps().items()}
    # A scalar tensor is a constant; its gradient is listed, and nothing asks for it.
    missing["to"] = missing["scalar_tensor"] = ""
    lacking = {
        (name, dtype) for name, dtype in recorded.operations
        if name in missing and (missing[name] == "None" or dtype in missing[name])
    }  # fmt: skip
    assert lacking == set()
    assert recorded.in_float64 == set()
