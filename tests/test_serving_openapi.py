# python -m pytest tests/test_serving_openapi.py
"""Requests that schemathesis makes of the server's OpenAPI: no 500, and answers as it says."""

import os
import subprocess
import sys
from contextlib import ExitStack

import pytest

from tests.examples import tone, wav
from tests.serving import MODELS, running, served_folder
from tests.tiny_families import ROOT
from tests.web_server import serving

# Valid by the schema may still be no audio; and a form's number is a file's content like any other.
NOT_CHECKED = "positive_data_acceptance,negative_data_rejection"


@pytest.fixture(scope="module")
def url(made_once, tmp_path_factory):
    folder = served_folder(made_once, tmp_path_factory, "tuned", "base")
    with ExitStack() as opened:
        studio = opened.enter_context(serving({"/a.wav": wav(tone(0.4))}.get))
        limits = {"requests_per_minute": 1_000_000}
        run = running(folder, models=MODELS, limits=limits, label_studio={"url": studio})
        yield opened.enter_context(run).url


def ask(url, folder, *more):
    """Run it; on a failure its output has the request as a line of curl."""
    program = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json"]
    options = ["--seed=1", "--exclude-checks", NOT_CHECKED, "--warnings=off", *more]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "SERVER_URL": url,
           "SCHEMATHESIS_HOOKS": "tests.openapi_hooks"}  # fmt: skip
    done = subprocess.run(
        [*program, *options], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.integration
def test_no_request_is_a_fault_of_the_server(url, tmp_path):
    found = ask(url, tmp_path, "--phases=coverage,fuzzing", "--max-examples=20")
    assert "15 selected / 15 total" in found


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ten_minutes_of_requests_find_no_fault_of_the_server(url, tmp_path):
    ask(url, tmp_path, "--phases=coverage,fuzzing,stateful", "--max-time=600")
