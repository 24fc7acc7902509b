"""The mean of models, written one weight at a time: memory holds no more than the largest one."""

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from asr.averaging.source import Source, files, read_header
from asr.core.errors import InputError


def write_mean(out: Path, sources: Sequence[Source]) -> None:
    """Write the mean of the sources into the empty folder ``out``.

    Raises:
        InputError: if a weight is not finite, or an integer one differs; names folder and weight.
    """
    first = sources[0].model
    for name in files(first, weights=False):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(first / name, out / name)
    for file, table in sources[0].tables.items():
        (out / file).parent.mkdir(parents=True, exist_ok=True)
        with (out / file).open("wb") as written, ExitStack() as stack:
            opened: dict[Path, Any] = {}
            written.write(read_header(first / file))
            for weight in table:  # in the order of the data
                mean = _mean(sources, file, weight, opened, stack)
                written.write(mean.reshape(-1).view(torch.uint8).numpy().data)


def _mean(
    sources: Sequence[Source], file: str, weight: str, opened: dict[Path, Any], stack: ExitStack
) -> torch.Tensor:
    """The mean of one weight, in its own type."""
    total = torch.empty(0)
    for index, source in enumerate(sources):
        path, name = source.place(file, weight)
        try:
            if path not in opened:
                # pread, since the pages of a memory-mapped file count as memory of the process.
                opened[path] = stack.enter_context(safe_open(path, "pt", backend="pread"))
            tensor = opened[path].get_tensor(name)
        except SafetensorError as error:
            raise InputError(f"{path}: {name}: can't be read: {error}") from error
        if not tensor.is_floating_point():
            if index and not torch.equal(tensor, total):
                raise InputError(f"{path}: {name}: expected equal integers in all, got others")
            total = tensor
            continue
        if not tensor.isfinite().all():
            raise InputError(f"{path}: {name}: expected finite weights, got others")
        total = total.add_(tensor) if index else tensor.double()
    if not total.is_floating_point():
        return total
    return total.div_(len(sources)).to(tensor.dtype)
