import pytest

from asr.core.errors import InputError
from asr.families.whisper.window import MAX_DURATION_S, context_s, read_margin, write_margin


@pytest.mark.parametrize(
    ("duration_s", "margin_s", "expected_s"),
    [
        (1.0, 0.5, 1.6),  # 1.5, rounded up to a step of 0.32
        (1.1, 0.5, 1.6),  # exactly five steps
        (29.9, 0.5, 30.0),  # never beyond Whisper's window
        (2.0, 30.0, 30.0),  # a margin of 30 s is the full window
    ],
)
def test_context_is_clip_plus_margin_in_steps(duration_s, margin_s, expected_s):
    assert context_s(duration_s, margin_s) == pytest.approx(expected_s)


def test_margin_is_stored_with_the_model(tmp_path):
    assert read_margin(tmp_path, fallback_s=8.0) == 8.0
    write_margin(tmp_path, 0.5)
    assert read_margin(tmp_path, fallback_s=8.0) == 0.5


def test_damaged_margin_is_refused(tmp_path):
    (tmp_path / "context.json").write_text('{"margin_s": 31}')
    with pytest.raises(InputError, match=r"context.json: margin_s: .*30, got 31"):
        read_margin(tmp_path, fallback_s=MAX_DURATION_S)
