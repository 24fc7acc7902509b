# python -m pytest tests/test_troubleshooting.py
"""docs/troubleshooting.md quotes messages that the code has."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8").partition("## DVC's own")[0]
MESSAGES = re.findall(r"^\| `([^`]+)` \|", PAGE, flags=re.MULTILINE)


@cache
def templates():
    """All texts of the code, with … for what an f-string fills in."""
    found = []
    for top in ("asr", "commands", "stages"):
        for path in (ROOT / top).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_bytes())):
                if isinstance(node, ast.JoinedStr):
                    parts = (one.value if isinstance(one, ast.Constant) else "…"
                             for one in node.values)  # fmt: skip
                    found.append("".join(parts))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.append(node.value)
    return found


def quoted_by(message, template):
    """Whether the fixed parts of the message stand in the template, in order."""
    parts = [part for part in message.split("…") if part.strip(" :;,$()")]
    return re.search(".*".join(map(re.escape, parts)), template, flags=re.DOTALL) is not None


@pytest.mark.parametrize("message", MESSAGES)
def test_every_message_is_one_that_the_code_has(message):
    assert any(quoted_by(message, one) for one in templates()), message


def test_there_are_thirty_and_a_message_that_nothing_writes_is_found():
    assert len(set(MESSAGES)) >= 30
    assert not any(quoted_by("…: expected a pumpkin, got …", one) for one in templates())
    # What an f-string fills in is no fixed part.
    assert not any(quoted_by("machine.device: cuda is not on this", one) for one in templates())


def test_every_message_has_a_cause_and_a_remedy():
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split(" | ")]
        assert len(cells) == 3, row
        assert all(cells), row
