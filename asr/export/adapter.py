"""The adapter that LoRA merged into a model, found again as the difference from its base.

``train`` saves merged models only. The difference of a matrix that LoRA tuned has the adapter's
rank, so two thin matrices hold all of it.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import safe_open
from safetensors.numpy import save_file

from asr.core.files import write_json
from asr.export.formats import CannotExportError, Source

MAX_RANK = 128  # of what may be an adapter, and half of a matrix's; the usual ranks are 4 to 64
# Of the largest weight. Rounding to float32 makes 6e-8, an adapter that learned 1e-4 and more.
TOLERANCE = 3e-7
PREFIX = "base_model.model."  # of the names in peft's files

Matrix = npt.NDArray[np.float32]


def write_adapter(source: Source, out: Path) -> None:
    """Write ``adapter_config.json`` and ``adapter_model.safetensors`` as peft reads them.

    Raises:
        CannotExportError: if more than an adapter was trained, or nothing.
    """
    path, before = (folder / "model.safetensors" for folder in (source.model, source.base))
    if not path.is_file() or not before.is_file():
        raise CannotExportError("expected one file model.safetensors of the model and of its base")
    factors: dict[str, tuple[Matrix, Matrix]] = {}
    with safe_open(path, "np", backend="pread") as ours, safe_open(before, "np") as base:
        if set(ours.keys()) != set(base.keys()):
            raise CannotExportError("the model has other weights than its base has")
        for name in sorted(ours.keys()):
            weight, old = ours.get_tensor(name), base.get_tensor(name)
            if weight.shape != old.shape:
                raise CannotExportError(f"{name}: its shape is another than in the base")
            difference = weight.astype(np.float64) - old
            if difference.any():
                factors[name] = _factors(name, difference, float(np.abs(weight).max()))
    if not factors:
        raise CannotExportError("the weights are those of the base")
    _write(factors, source, out)


def _factors(name: str, difference: npt.NDArray[np.float64], largest: float) -> tuple[Any, Any]:
    """Two thin matrices B and A whose product is the difference.

    Halko, Martinsson and Tropp (2011), algorithm 5.1: the difference of a random matrix spans the
    same columns.
    """
    if difference.ndim != 2 or not name.endswith(".weight"):
        raise CannotExportError(f"{name} was tuned, which an adapter of LoRA does not hold")
    width = min(*difference.shape, MAX_RANK + 1)
    random = np.random.default_rng(0).standard_normal((difference.shape[1], width))
    span, _ = np.linalg.qr(difference @ random)
    left, values, right = np.linalg.svd(span.T @ difference, full_matrices=False)
    limit = TOLERANCE * largest * np.sqrt(max(difference.shape))
    rank = max(1, int((values > limit).sum()))
    root = np.sqrt(values[:rank])
    b, a = span @ left[:, :rank] * root, root[:, None] * right[:rank]
    if (
        rank > min(MAX_RANK, min(difference.shape) // 2)
        or np.abs(b @ a - difference).max() > 10 * TOLERANCE * largest
    ):
        raise CannotExportError(f"{name} was tuned in full, which an adapter of LoRA does not hold")
    return b, a


def _write(factors: dict[str, tuple[Matrix, Matrix]], source: Source, out: Path) -> None:
    rank = max(a.shape[0] for _, a in factors.values())
    tensors, modules = {}, []
    for name, (b, a) in factors.items():
        module = name.removesuffix(".weight")
        modules.append(module)
        # peft wants one rank for all; zeros add nothing.
        missing = rank - a.shape[0]
        tensors[f"{PREFIX}{module}.lora_A.weight"] = np.pad(a, ((0, missing), (0, 0))).astype("<f4")
        tensors[f"{PREFIX}{module}.lora_B.weight"] = np.pad(b, ((0, 0), (0, missing))).astype("<f4")
    save_file(tensors, out / "adapter_model.safetensors", {"format": "pt"})
    config = {
        "base_model_name_or_path": None,  # where it lies is for the user to say
        "bias": "none",
        "inference_mode": True,
        "lora_alpha": rank,
        "lora_dropout": 0.0,
        "peft_type": "LORA",
        "r": rank,
        "target_modules": modules,
        "task_type": None,
    }
    write_json(out / "adapter_config.json", config)
