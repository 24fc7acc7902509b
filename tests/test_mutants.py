import json

from benchmarks.mutants import exit_codes, lines


def test_the_share_is_by_room_and_survivors_are_named(tmp_path):
    for path, codes in (
        ("text/a.py", {"asr.text.a.x_f__mutmut_1": 1, "asr.text.a.x_f__mutmut_2": 0}),
        ("text/b.py", {"asr.text.b.x_g__mutmut_1": 33, "asr.text.b.x_g__mutmut_2": None}),
        ("training/state/c.py", {"asr.training.state.c.x_h__mutmut_1": 1}),
    ):
        meta = tmp_path / "asr" / f"{path}.meta"
        meta.parent.mkdir(parents=True, exist_ok=True)
        meta.write_text(json.dumps({"exit_code_by_key": codes}))
    assert lines(exit_codes(tmp_path)) == [
        "text: 1 of 3 found (33%)",
        "training/state: 1 of 1 found (100%)",
        "  asr.text.a.x_f__mutmut_2",
        "  asr.text.b.x_g__mutmut_1 (no test runs it)",
    ]
