# python -m pytest tests/test_secrets.py
"""No secret in this repository, and the table finds each kind. Keys here are put together."""

import random
import string

import pytest

from asr.doctor.secrets import KINDS, check_secrets, secrets_in, secrets_of
from tests.pipeline_repo import ROOT, PipelineRepo

DRAW = random.Random(1)


def drawn(alphabet, count):
    return "".join(DRAW.choices(alphabet, k=count))


LETTERS, WORD = string.ascii_letters, string.ascii_letters + string.digits
UPPER, HEX = string.ascii_uppercase + string.digits, "0123456789abcdef"
KEYS = {
    "AWS access key": "AKIA" + drawn("ABCDEFGHIJ234567", 16),
    "AWS secret key": "aws_secret_access" + "_key = " + drawn(WORD + "/+", 40),
    "Hugging Face token": "hf" + "_" + drawn(LETTERS, 34),
    "GitHub token": "ghp" + "_" + drawn(WORD, 36),
    "GitLab token": "glpat" + "-" + drawn(WORD, 20),
    "RunPod key": "rpa" + "_" + drawn(UPPER, 46),
    "Weights & Biases key": "WANDB_API" + "_KEY=" + drawn(HEX, 40),
    "OpenAI or Anthropic key": "sk-" + "proj-" + drawn(WORD, 48),
    "Google key": "AIza" + drawn(WORD, 35),
    "Slack token": "xoxb" + "-" + drawn(WORD, 24),
    "Supabase key": "sb_" + "secret_" + drawn(WORD, 31),
    "signed token": "eyJ" + drawn(WORD, 30) + ".eyJ" + drawn(WORD, 60) + "." + drawn(WORD, 43),
    "private key": "-----BEGIN " + "OPENSSH PRIVATE KEY-----",
    "password in a URL": "postgresql://reader:" + drawn(WORD, 12) + "@db.a.org/clips",
}


def test_no_file_of_this_repository_has_a_secret():
    if not (ROOT / ".git").exists():
        pytest.skip("an unpacked archive has no list of its files")
    assert [str(secret) for secret in secrets_of(ROOT)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_found_with_its_line_and_never_printed(kind):
    for text in (KEYS[kind], f'key: "{KEYS[kind]}"', f"export K={KEYS[kind]}; x"):
        (secret,) = secrets_in("conf/a.yaml", f"one\ntwo\n{text}\n".encode())
        assert str(secret) == f"conf/a.yaml:3 ({kind})"


@pytest.mark.parametrize(
    "text",
    [
        f"md5: {drawn(HEX, 32)}.dir",
        f"sha256: {drawn(HEX, 64)}",
        drawn(WORD, 60) + KEYS["AWS access key"],  # within a longer word
        "postgresql://user:password@host/name",
        "https://${USER}:${PASSWORD}@host/name",
        "https://example.org:8443/hf_hub/a@b",
        "export HF_TOKEN=hf_…",
    ],
)
def test_what_only_resembles_one_is_left_alone(text):
    assert list(secrets_in("a", text.encode())) == []


def test_files_that_hold_credentials_are_known_by_name():
    def names(*paths):
        return [path for path in paths if list(secrets_in(path, b""))]

    assert names(".env", "pods/.runpod.env", "a/id_ed25519", "b.pem", ".dvc/config.local") == [
        ".env", "pods/.runpod.env", "a/id_ed25519", "b.pem", ".dvc/config.local",
    ]  # fmt: skip
    assert names("pods/pod.env.example", ".env.example", "env.py", "id_rsa.pub") == []


@pytest.mark.integration
def test_tracked_staged_and_new_files_are_read_and_ignored_ones_are_not(tmp_path):
    repo = PipelineRepo(tmp_path)
    repo.run("git", "init", "--quiet")
    (tmp_path / ".gitignore").write_text("ignored\n")
    for name in ("tracked", "staged", "new", "ignored"):
        (tmp_path / name).write_text(KEYS["Hugging Face token"])
    repo.run("git", "add", "tracked", "staged")
    (tmp_path / "staged").write_text("cleaned, but only here")
    (tmp_path / "link").symlink_to("/etc/hostname")
    assert [one.path for one in secrets_of(tmp_path)] == ["new", "staged", "tracked"]
    (finding,) = check_secrets(tmp_path)
    assert finding.status == "fail"
    assert finding.mend.startswith("git rm --cached new")
    assert KEYS["Hugging Face token"] not in str(finding)
    for name in ("tracked", "new"):
        (tmp_path / name).unlink()
    repo.run("git", "add", "--all")
    (finding,) = check_secrets(tmp_path)
    assert finding.status == "ok"


@pytest.mark.integration
def test_a_folder_that_is_no_repository_is_a_fail(tmp_path):
    (finding,) = check_secrets(tmp_path)
    assert finding.status == "fail"
    assert "not a git repository" in finding.text
