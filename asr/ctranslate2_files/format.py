"""CTranslate2's ``model.bin``: a short header, named arrays, and aliases of these names.

The layout is what ``ModelSpec._serialize`` writes (ctranslate2, ``specs/model_spec.py``) and
``Model::load`` reads (``src/models/model.cc``). Integers are little-endian; a string is its length
with the closing zero (uint16), its UTF-8 bytes, and the zero::

    uint32 binary version · string spec · uint32 spec revision
    uint32 count · count x (string name · uint8 rank · rank x uint32 size
                            · uint8 type · uint32 num_bytes · bytes)
    uint32 count · count x (string alias · string name)
"""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asr.core.errors import InputError

# Version 4 added the type byte and the byte count. Versions 5 and 6 changed the meaning of some
# variables, not the layout: model.cc branches only on ``binary_version >= 4``.
VERSIONS = (4, 5, 6)

# In the order of ``enum class DataType``. NumPy has no bfloat16, so its bits are read as uint16.
DTYPES: dict[int, tuple[str, np.dtype[Any]]] = {
    0: ("float32", np.dtype("<f4")),
    1: ("int8", np.dtype("<i1")),
    2: ("int16", np.dtype("<i2")),
    3: ("int32", np.dtype("<i4")),
    4: ("float16", np.dtype("<f2")),
    5: ("bfloat16", np.dtype("<u2")),
}


@dataclass(frozen=True)
class Variable:
    """One array of the file.

    Attributes:
        dtype: CTranslate2's name of the element type.
        data: read-only view into the file, in the variable's shape; bfloat16 as uint16 bits.
    """

    dtype: str
    data: NDArray[Any]

    def float32(self) -> NDArray[np.float32]:
        """Copy the array as float32; exact for float16, bfloat16, int8 and int16."""
        if self.dtype == "bfloat16":
            # bfloat16 is the upper half of a float32.
            return (self.data.astype(np.uint32) << 16).view(np.float32)
        return self.data.astype(np.float32)


@dataclass(frozen=True)
class Model:
    """Content of a ``model.bin``.

    Attributes:
        spec: the kind of model, such as ``WhisperSpec``.
        revision: version of the spec, which defines the variables.
        variables: by name, in the order of the file.
        aliases: name of the shared variable, by alias.
    """

    spec: str
    revision: int
    variables: dict[str, Variable]
    aliases: dict[str, str]


def read_model(path: Path) -> Model:
    """Read a ``model.bin``; the arrays are memory-mapped.

    Raises:
        InputError: if the version is unknown, the file is too short or too long, a name comes
            twice, or an alias names no variable.
    """
    cursor = _Cursor(path)
    version = cursor.integer("<I", "binary version")
    if version not in VERSIONS:
        raise InputError(f"{path}: expected CTranslate2 binary version {VERSIONS}, got {version}")
    spec = cursor.string("spec")
    revision = cursor.integer("<I", "spec revision")
    variables: dict[str, Variable] = {}
    for _ in range(cursor.integer("<I", "number of variables")):
        name = cursor.string("name of a variable")
        if name in variables:
            raise InputError(f"{path}: {name}: expected each variable once, got it twice")
        variables[name] = _variable(cursor, name)
    aliases: dict[str, str] = {}
    for _ in range(cursor.integer("<I", "number of aliases")):
        alias, name = cursor.string("alias"), cursor.string("name behind an alias")
        if name not in variables or alias in variables or alias in aliases:
            raise InputError(f"{path}: expected a new name for a variable, got {alias} = {name}")
        aliases[alias] = name
    if cursor.num_left:
        raise InputError(f"{path}: expected the end, got {cursor.num_left} more bytes")
    return Model(spec, revision, variables, aliases)


def write_model(
    path: Path,
    spec: str,
    revision: int,
    variables: Iterable[tuple[str, Variable]],
    aliases: Mapping[str, str],
) -> None:
    """Write a ``model.bin``; only one variable at a time is in memory.

    Args:
        path: the file to write.
        spec: see ``Model``.
        revision: see ``Model``.
        variables: pairs of name and variable; consumed one by one.
        aliases: see ``Model``.
    """
    type_ids = {name: type_id for type_id, (name, _) in DTYPES.items()}
    with path.open("wb") as file:
        file.write(struct.pack("<I", VERSIONS[-1]) + _string(spec) + struct.pack("<I", revision))
        place_of_count, count = file.tell(), 0
        file.write(struct.pack("<I", count))
        for name, variable in variables:
            shape, data = variable.data.shape, np.ascontiguousarray(variable.data)
            file.write(_string(name) + struct.pack(f"<B{len(shape)}I", len(shape), *shape))
            file.write(struct.pack("<BI", type_ids[variable.dtype], data.nbytes))
            data.tofile(file)
            count += 1
        file.write(struct.pack("<I", len(aliases)))
        for alias, name in aliases.items():
            file.write(_string(alias) + _string(name))
        file.seek(place_of_count)
        file.write(struct.pack("<I", count))


def _string(text: str) -> bytes:
    content = text.encode() + b"\0"
    return struct.pack("<H", len(content)) + content


def _variable(cursor: "_Cursor", name: str) -> Variable:
    rank = cursor.integer("<B", name)
    shape = tuple(cursor.integer("<I", name) for _ in range(rank))
    type_id = cursor.integer("<B", name)
    num_bytes = cursor.integer("<I", name)
    if type_id not in DTYPES:
        raise InputError(
            f"{cursor.path}: {name}: expected a type of {sorted(DTYPES)}, got {type_id}"
        )
    dtype_name, dtype = DTYPES[type_id]
    # Python integers don't overflow: NumPy's could make the shape of a damaged file fit.
    num_elements = 1
    for size in shape:
        num_elements *= size
    if num_elements * dtype.itemsize != num_bytes:
        expected = f"{num_elements * dtype.itemsize} bytes for {dtype_name} {list(shape)}"
        raise InputError(f"{cursor.path}: {name}: expected {expected}, got {num_bytes}")
    return Variable(dtype_name, cursor.bytes(num_bytes, name).view(dtype).reshape(shape))


class _Cursor:
    """Reads fields one after another; ``what`` is the name of the field in error messages."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.stat().st_size:  # NumPy can't map an empty file
            raise InputError(f"{path}: expected a CTranslate2 model, got an empty file")
        self.content: NDArray[np.uint8] = np.memmap(path, dtype=np.uint8, mode="r")
        self.offset = 0

    @property
    def num_left(self) -> int:
        return self.content.size - self.offset

    def bytes(self, count: int, what: str) -> NDArray[np.uint8]:
        if count > self.num_left:
            raise InputError(
                f"{self.path}: truncated: expected {count} bytes of {what} "
                f"at {self.offset}, got {self.num_left}"
            )
        start, self.offset = self.offset, self.offset + count
        return self.content[start : self.offset]

    def integer(self, layout: str, what: str) -> int:
        value: int = struct.unpack(layout, self.bytes(struct.calcsize(layout), what).tobytes())[0]
        return value

    def string(self, what: str) -> str:
        content = self.bytes(self.integer("<H", what), what).tobytes()
        if not content.endswith(b"\0"):
            raise InputError(f"{self.path}: expected {what} to end with zero, got {content!r:.80}")
        try:
            return content[:-1].decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError(
                f"{self.path}: expected {what} in UTF-8, got {content!r:.80}"
            ) from error
