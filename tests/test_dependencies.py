# python -m pytest tests/test_dependencies.py
"""The table of the licenses of all packages."""

import subprocess
import sys
from pathlib import Path

import pytest

from asr.core.errors import InputError
from asr.doctor.dependencies import Dependency, Pin, dependencies, page, pins, rows_of_page

ROOT = Path(__file__).parent.parent


def test_every_pinned_package_has_a_row_at_its_version():
    rows = rows_of_page((ROOT / "docs/licenses.md").read_text())
    wanted = {name: pin.version for use in pins(ROOT).values() for name, pin in use.items()}
    found = {name: row.version for name, row in rows.items()}
    assert found == wanted, "python -m commands.dependencies writes the page anew"
    assert not [row for row in rows.values() if "not stated" in row.license]
    assert not [row for row in rows.values() if not row.uses]


@pytest.mark.integration
def test_the_command_writes_the_page_as_it_is(tmp_path):
    out = tmp_path / "licenses.md"
    words = [sys.executable, "-m", "commands.dependencies", "--out", str(out)]
    subprocess.run(words, cwd=ROOT, check=True)
    assert out.read_text() == (ROOT / "docs/licenses.md").read_text()


@pytest.fixture
def installed(tmp_path):
    """Writes the metadata of a package into a folder, as pip does."""

    def install(name, version="1.0", *lines):
        folder = tmp_path / f"{name}-{version}.dist-info"
        folder.mkdir()
        text = "\n".join(["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *lines])
        (folder / "METADATA").write_text(text + "\n")
        return str(tmp_path)

    return install


@pytest.mark.parametrize(
    ("lines", "license", "copyleft"),
    [
        (["License-Expression: MPL-2.0 AND MIT"], "MPL-2.0 AND MIT", "weak"),
        (["License: Apache License, Version 2.0"], "Apache-2.0", ""),
        (["License: Apache"], "Apache-2.0", ""),
        (["License: MIT License", "        Copyright (c) 2021 W"], "MIT", ""),
        (["License: BSD"], "BSD", ""),
        (["Classifier: License :: OSI Approved :: MIT License"], "MIT", ""),
        (["Classifier: License :: OSI Approved"], "not stated", ""),
        (["License: GPL-3.0"], "GPL-3.0-only", "**strong**"),
        (["License: AGPL-3.0-only"], "AGPL-3.0-only", "**strong**"),
        (["License: LGPL"], "LGPL", "weak"),
        (["License: GPLv2 | EPLv1"], "GPL-2.0-only OR EPL-1.0", "weak"),
        (["License-Expression: Apache-2.0 OR GPL-2.0-or-later"],
         "Apache-2.0 OR GPL-2.0-or-later", ""),
        (["License: GPLv2 with linking exception"], "GPL-2.0-only WITH linking exception", "weak"),
    ],
)  # fmt: skip
def test_what_a_package_states(installed, lines, license, copyleft):
    path = installed("one", "1.0", *lines)
    (row,) = dependencies({"make repro": {"one": Pin("1.0", ())}}, [path], {})
    assert (row.license, row.copyleft) == (license, copyleft)


def test_what_a_wheel_bundles_counts_too(installed):
    path = installed("av", "1.0", "License-Expression: BSD-3-Clause")
    (row,) = dependencies({"audio": {"av": Pin("1.0", ())}}, [path], {})
    assert row.license == "BSD-3-Clause; FFmpeg with x264 and x265: GPL-2.0-or-later"
    assert row.copyleft == "**strong**"


def test_a_package_comes_with_whatever_requires_it_extras_only_if_asked(installed):
    installed("server", "1.0", "License: MIT", "Requires-Dist: fast>=1; extra == 'standard'",
              "Requires-Dist: Base.One")  # fmt: skip
    installed("base_one", "2.0", "License: MIT")
    path = installed("fast", "3.0", "License: MIT")
    all_of_them = {"server": Pin("1.0", ()), "base-one": Pin("2.0", ()), "fast": Pin("3.0", ())}
    pinned = {"serve": {"server": Pin("1.0", ("standard",))}, "test": {"server": Pin("1.0", ())}}
    rows = dependencies(pinned | {"": all_of_them}, [path], {})
    uses = {row.name: row.uses for row in rows}
    assert uses == {"server": "serve, test", "base-one": "serve, test", "fast": "serve"}


def test_a_package_that_is_not_here_keeps_its_row_at_the_same_version_alone(installed, tmp_path):
    row = Dependency("gone", "1.0", "GPL-3.0-only", "test")
    known = rows_of_page(page([row, Dependency("here", "1.0", "MIT", "make repro, test")]))
    assert known["gone"] == row
    pinned = {"test": {"gone": Pin("1.0", ())}}
    assert dependencies(pinned, [str(tmp_path)], known) == [row]
    pinned = {"test": {"gone": Pin("1.1", ())}}
    with pytest.raises(InputError, match=r"got no metadata of gone==1\.1; pip install --no-deps"):
        dependencies(pinned, [str(tmp_path)], known)
