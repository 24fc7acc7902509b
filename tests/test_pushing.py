# python -m pytest tests/test_pushing.py
import pytest

from benchmarks.pushing import measure
from tests.s3_server import s3_server

pytestmark = pytest.mark.slow


def test_ten_clips_more_send_the_shards_around_them_alone(tmp_path):
    (tmp_path / "work").mkdir()
    with s3_server(tmp_path) as server:
        first, together, anywhere = measure(tmp_path / "work", server, 6_000, 1 << 20)
    assert first["files_sent"] == first["shards"] + 1  # the list of the folder's files
    assert first["bytes_sent"] >= first["bytes"]
    assert 2 <= together["files_sent"] <= 12
    assert together["bytes_sent"] < 0.2 * together["bytes"]
    assert together["files_sent"] < anywhere["files_sent"]
    for row in (first, together, anywhere):  # and a clone pulls what was sent, no more
        assert row["bytes_pulled"] == row["bytes_sent"]
        assert row["files_pulled"] == row["files_sent"]
