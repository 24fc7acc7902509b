# python -m pytest tests/test_package_licenses.py
"""The license of a model from those of its parts, and which parts forbid to publish it."""

import pytest

from asr.packages.licenses import derive, forbidding, hub_identifier, why_private


@pytest.mark.parametrize(
    ("parts", "spdx", "hub"),
    [
        (["MIT"], "MIT", "mit"),
        (["MIT", "MIT", "CC0-1.0"], "MIT", "mit"),
        (["MIT", "GPL-2.0-only"], "GPL-2.0-only", "gpl-2.0"),  # the starter
        (["Apache-2.0", "CC-BY-4.0", "MIT"], "CC-BY-4.0", "cc-by-4.0"),
        (["Apache-2.0", "GPL-2.0-or-later"], "GPL-3.0-or-later", "gpl-3.0"),
        (["GPL-2.0-only", "GPL-2.0-or-later"], "GPL-2.0-only", "gpl-2.0"),
        (["CC-BY-SA-3.0", "CC-BY-SA-4.0"], "CC-BY-SA-4.0", "cc-by-sa-4.0"),
        (["CC-BY-SA-4.0", "GPL-3.0-only"], "GPL-3.0-only", "gpl-3.0"),
        (["CC-BY-4.0", "CC-BY-NC-4.0"], "CC-BY-NC-4.0", "cc-by-nc-4.0"),
        (["CC-BY-NC-3.0", "CC-BY-NC-SA-4.0"], "CC-BY-NC-SA-4.0", "cc-by-nc-sa-4.0"),
        (["CC-BY-ND-4.0"], "CC-BY-ND-4.0", "cc-by-nd-4.0"),
        (["LicenseRef-mine"], "LicenseRef-mine", "other"),
    ],
)
def test_one_license_for_all_parts(parts, spdx, hub):
    derived = derive(parts)
    assert (derived.spdx, derived.hub, derived.incompatible) == (spdx, hub, [])


@pytest.mark.parametrize(
    ("parts", "pairs"),
    [
        (["GPL-2.0-only", "Apache-2.0"], [("Apache-2.0", "GPL-2.0-only")]),
        (["GPL-2.0-only", "GPL-3.0-only"], [("GPL-2.0-only", "GPL-3.0-only")]),
        (["CC-BY-SA-4.0", "CC-BY-NC-4.0"], [("CC-BY-NC-4.0", "CC-BY-SA-4.0")]),
        (["CC-BY-ND-4.0", "MIT"], [("CC-BY-ND-4.0", "MIT")]),
        (["LicenseRef-mine", "MIT", "CC0-1.0"],
         [("CC0-1.0", "LicenseRef-mine"), ("LicenseRef-mine", "MIT")]),
    ],
)  # fmt: skip
def test_licenses_that_no_license_unites_are_named(parts, pairs):
    derived = derive(parts)
    assert (derived.spdx, derived.hub, derived.incompatible) == (None, "other", pairs)


@pytest.mark.parametrize(
    ("spdx", "why"),
    [
        ("CC-BY-SA-4.0", []),
        ("CC-BY-NC-SA-4.0", ["non-commercial"]),
        ("CC-BY-ND-3.0", ["no derivatives"]),
        ("CC-BY-NC-ND-4.0", ["non-commercial", "no derivatives"]),
        ("all rights reserved", ["unknown license"]),
        ("not said", ["unknown license"]),
    ],
)
def test_what_forbids_to_publish(spdx, why):
    assert why_private(spdx) == why


def test_what_forbids_names_license_reason_and_corpora():
    assert forbidding({"b": ["CC-BY-NC-4.0"], "a": ["MIT", "CC-BY-NC-4.0"], "c": ["MIT"]}) == {
        "CC-BY-NC-4.0": {"why": ["non-commercial"], "of": ["a", "b"]}
    }


def test_a_license_without_an_identifier_of_the_hub_is_other():
    assert hub_identifier("CC-BY-NC-SA-2.5") == "other"
