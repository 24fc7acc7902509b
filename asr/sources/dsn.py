"""Errors of a database in words that hold no piece of its address, which may hold a password."""

import re
from collections.abc import Sequence
from typing import Any

# Phrases of libpq, and what to print in their place.
_CAUSES = {
    "refused": "the server refused it",
    "could not translate": "no such host",
    "authentication failed": "wrong user or password",
    "no password": "the server wants a password",
    "does not exist": "no such database or user, or no socket there",
    "no such file": "no socket there",
    "timeout": "the server did not answer in time",
    "timed out": "the server did not answer in time",
    "ssl": "encryption failed",
    "invalid": "the address is malformed",
    "missing": "the address is malformed",
}


def cause(error: Exception) -> str:
    """The cause in words of our own, since the error's text may hold the password."""
    text = str(error).lower()
    causes = [cause for phrase, cause in _CAUSES.items() if phrase in text]
    return causes[0] if causes else type(error).__name__


def address_pieces(address: str, database: Any) -> list[str]:
    """Patterns for the pieces of an address, and of what psycopg adds to it.

    A piece of up to three letters counts as a whole word alone: a user «me» is in «some».
    """
    import psycopg

    info = database.info
    found = {str(value) for value in psycopg.conninfo.conninfo_to_dict(address).values()}
    found |= {info.host, info.hostaddr, info.user, info.dbname, info.password, str(info.port)}
    words = {re.escape(piece) for whole in found if whole for piece in (whole, *whole.split(","))}
    return [word if len(word) > 3 else rf"(?<!\w){word}(?!\w)" for word in words if word]


def told(error: Any, pieces: Sequence[str]) -> str:
    """The text of psycopg's error; without it, if it holds a piece of the address."""
    why = " ".join(str(error).split())
    if any(re.search(piece, why, re.IGNORECASE) for piece in pieces):
        return f"{type(error).__name__} {error.sqlstate or ''} (its text names the database)"
    return why
