"""A pseudo-random number that depends only on a name: equal on any machine and in any order."""

import hashlib


def hash64(name: str) -> int:
    """The 64-bit BLAKE2b hash of a name, as an integer from 0 to 2**64 - 1."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")
