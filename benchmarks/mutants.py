"""Print which share of mutants the tests find, by room, and name the others: ``make mutants``.

mutmut writes the exit code of the tests of each mutant into ``mutants/**/*.meta``.
"""

import json
from collections import defaultdict
from pathlib import Path

MUTANTS = Path("mutants")
SURVIVED, NO_TESTS = {0}, {5, 33}  # exit codes of pytest; 33 is mutmut's own
ROOM_DEPTH = {"training": 2}  # asr/training/state is a room of its own; others are asr/<room>


def exit_codes(folder: Path) -> dict[str, dict[str, int]]:
    """By room, the exit code of each mutant that ran."""
    rooms: dict[str, dict[str, int]] = defaultdict(dict)
    for path in sorted((folder / "asr").rglob("*.meta")):
        parts = path.relative_to(folder / "asr").parts
        room = "/".join(parts[: ROOM_DEPTH.get(parts[0], 1)])
        codes = json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
        rooms[room] |= {name: code for name, code in codes.items() if code is not None}
    return {room: codes for room, codes in rooms.items() if codes}


def lines(rooms: dict[str, dict[str, int]]) -> list[str]:
    """A line for each room, then one for each mutant that no test found."""
    missed = SURVIVED | NO_TESTS
    found = []
    for room, codes in rooms.items():
        number = sum(code not in missed for code in codes.values())
        found.append(f"{room}: {number} of {len(codes)} found ({number / len(codes):.0%})")
    left = [
        f"  {name}{' (no test runs it)' if code in NO_TESTS else ''}"
        for codes in rooms.values()
        for name, code in codes.items()
        if code in missed
    ]
    return [*found, *left]


if __name__ == "__main__":
    print("\n".join(lines(exit_codes(MUTANTS))))
