"""A draw that hangs on a name alone: the same on any machine, in any order, beside any others."""

import hashlib


def drawn(name: str) -> int:
    """64 bits, as good as random."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")
