"""Secrets in files that Git tracks or is about to.

A table of prefixes that the issuers of keys document, and of names of files. Random-looking strings
are not searched for: hashes of data and weights are such, and dvc.lock is full of them.
"""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from asr.doctor.finding import Finding, some

MOST_BYTES = 2**20  # larger files are data
# Each is a whole word, so that no hash that contains one is taken for it.
KINDS = {
    "AWS access key": r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b",
    "AWS secret key": r"(?i:secret_?access_?key\W{1,5})[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])",
    "Hugging Face token": r"\bhf_[A-Za-z]{34}\b",
    "GitHub token": r"\bgh[pousr]_[A-Za-z0-9]{36}\b|\bgithub_pat_\w{82}\b",
    "GitLab token": r"\bglpat-[\w-]{20,}",
    "RunPod key": r"\brpa_[A-Z0-9]{40,}\b",
    "Weights & Biases key": r"(?i:wandb_?api_?key\W{1,5})[0-9a-f]{40}\b",
    "OpenAI or Anthropic key": r"\bsk-(?:proj-|ant-|svcacct-)?[\w-]{32,}",
    "Google key": r"\bAIza[\w-]{35}\b",
    "Slack token": r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
    "Supabase key": r"\bsb_secret_[\w-]{20,}|\bsbp_[0-9a-f]{40}\b",
    "signed token": r"\beyJ[\w-]{17,}\.eyJ[\w-]{17,}\.[\w-]{20,}",
    "private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    # Shorter ones and «password» are of documentation, ${PASSWORD} of a template.
    "password in a URL": r"\b[a-z][a-z0-9+]*://[^\s/:@'\"$<{]+:(?!password)[^\s/:@'\"$<{\\]{8,}@",
}
NAMES = re.compile(
    r"(?:\.env|\.env\..+|\.pod\.env|\.runpod\.env|\.netrc|\.pypirc|\.pgpass|id_(?:rsa|ecdsa|ed25519)|"
    r".+\.(?:pem|p12|pfx|ppk)|credentials|kubeconfig|config\.local)"
)
EXAMPLE = re.compile(r"example|sample|template")
_PATTERN = re.compile(
    "|".join(f"(?P<k{n}>{pattern})" for n, pattern in enumerate(KINDS.values())).encode()
)


@dataclass(frozen=True)
class Secret:
    """Where one is; never what it is."""

    path: str
    line: int
    kind: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line} ({self.kind})"


def secrets_in(path: str, content: bytes) -> Iterator[Secret]:
    """The secrets of a file: by its name, and by what its lines hold."""
    name = PurePath(path).name
    if NAMES.fullmatch(name) and not EXAMPLE.search(name):
        yield Secret(path, 1, "a file that holds credentials")
    for match in _PATTERN.finditer(content):
        kind = list(KINDS)[int(str(match.lastgroup)[1:])]
        yield Secret(path, content.count(b"\n", 0, match.start()) + 1, kind)


def secrets_of(root: Path) -> list[Secret]:
    """Secrets in what is tracked, staged, or would be by ``git add --all``."""
    files = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split(b"\0")
    contents = {name.decode(): _read(root / name.decode()) for name in filter(None, files)}
    staged = _git(root, "diff", "--cached", "--name-only", "--diff-filter=d", "-z").split(b"\0")
    found = {one: None for name, text in contents.items() for one in secrets_in(name, text)}
    for name in filter(None, (name.decode() for name in staged)):
        # What is staged may differ from the file, which somebody has cleaned since.
        found |= dict.fromkeys(secrets_in(name, _git(root, "show", f":./{name}")[:MOST_BYTES]))
    return sorted(found, key=str)


def check_secrets(root: Path = Path()) -> Iterator[Finding]:
    """Name the places of all secrets that Git has or would get."""
    try:
        found = secrets_of(root)
    except subprocess.CalledProcessError as error:
        said = " ".join(error.stderr.decode().split())[:200]
        yield Finding("fail", f"git can't list the files: {said}", "git status")
        return
    if not found:
        yield Finding("ok", "none in files that Git tracks or would add")
        return
    # In history it stays readable, so that a key that was committed must be replaced.
    mend = f"git rm --cached {found[0].path}  # and replace the key if it was ever committed"
    yield Finding("fail", some([str(one) for one in found]), mend)


def _git(root: Path, *words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=root, capture_output=True, check=True).stdout


def _read(path: Path) -> bytes:
    """The content of a file; nothing of a link, of data, or of a file that is gone."""
    try:
        if path.is_symlink() or path.stat().st_size > MOST_BYTES:
            return b""
        return path.read_bytes()
    except OSError:
        return b""
