"""API keys: only their hashes are stored, and logs have their names.

A line ``name:sha256`` a key, in a file or in ``$MOTHERTONGUE_API_KEYS``. A key is a long random
text, so its plain SHA-256 can't be guessed; a password could be.
"""

import base64
import binascii
import hashlib
import hmac
import os
import re
from collections.abc import Mapping
from pathlib import Path

from asr.core.errors import InputError
from asr.serving.params import ServerParams

VARIABLE = "MOTHERTONGUE_API_KEYS"
_LINE = re.compile(r"([A-Za-z0-9._-]{1,64}):([0-9a-f]{64})")


def load_keys(params: ServerParams) -> dict[str, str]:
    """Names by hash.

    Raises:
        InputError: if a line has another form (it is not shown), or if there is no key and the
            server would listen to a network.
    """
    places = {f"${VARIABLE}": os.environ.get(VARIABLE, "")}
    if params.keys_file:
        places[params.keys_file] = Path(params.keys_file).read_text(encoding="utf-8")
    names: dict[str, str] = {}
    for place, text in places.items():
        for number, line in enumerate(text.split(), start=1):
            if not (found := _LINE.fullmatch(line)):
                raise InputError(f"{place}: key {number}: expected name:sha256 in hexadecimal")
            names[found[2]] = found[1]
    if not names and not params.is_loopback:
        raise InputError(
            f"server.host: expected 127.0.0.1 without API keys, got {params.host}; set "
            f"server.keys_file or ${VARIABLE}"
        )
    return names


def name_of_key(headers: Mapping[str, str], names: Mapping[str, str]) -> str | None:
    """The name of the key of a request; None if it has none, or an unknown one."""
    digest = hashlib.sha256(_sent_key(headers).encode()).hexdigest()
    found = None
    for known, name in names.items():  # all of them, in the same time whichever it is
        if hmac.compare_digest(known, digest):
            found = name
    return found


def _sent_key(headers: Mapping[str, str]) -> str:
    """The key as ``Bearer``, or as the password of ``Basic``, which Label Studio sends."""
    kind, _, value = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""
