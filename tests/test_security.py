# python -m pytest tests/test_security.py
"""What SECURITY.md says of our code: it runs none that comes with data or a model."""

import ast

import pytest

from tests.pipeline_repo import ROOT

FILES = sorted(path for top in ("asr", "stages", "commands") for path in (ROOT / top).rglob("*.py"))
FORBIDDEN = {  # without the keyword that makes it safe, or with the one that makes it unsafe
    "eval", "exec", "os.system", "os.popen", "pickle.load", "pickle.loads", "joblib.load",
    "torch.load", "np.load(allow_pickle)", "yaml.load", "yaml.unsafe_load", "shell=True",
    "trust_remote_code",
}  # fmt: skip


def risks(source):
    """Calls of the table above, in a file's code."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        keywords = {one.arg: ast.unparse(one.value) for one in node.keywords}
        safe = keywords.get("weights_only") == "True" or "SafeLoader" in keywords.get("Loader", "")
        if name in FORBIDDEN and not safe:
            yield name
        if keywords.get("shell", "False") != "False":
            yield "shell=True"
        if keywords.get("trust_remote_code", "False") != "False":
            yield "trust_remote_code"
        if keywords.get("allow_pickle", "False") != "False":
            yield "np.load(allow_pickle)"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("subprocess.run(words, shell=True)", ["shell=True"]),
        ("torch.load(path)", ["torch.load"]),
        ("torch.load(path, weights_only=True)", []),
        ("AutoModel.from_pretrained(name, trust_remote_code=flag)", ["trust_remote_code"]),
        ("model.eval()", []),
        ("yaml.load(text, Loader=L)", ["yaml.load"]),
        ("yaml.load(text, Loader=yaml.CSafeLoader)", []),
        ("np.load(path, allow_pickle=True)", ["np.load(allow_pickle)"]),
    ],
)
def test_each_way_to_run_code_from_data_is_seen(source, found):
    assert list(risks(source)) == found


def test_none_of_our_files_runs_code_from_data():
    found = {str(path.relative_to(ROOT)): list(risks(path.read_bytes())) for path in FILES}
    assert len(found) > 200
    assert {name: calls for name, calls in found.items() if calls} == {}
