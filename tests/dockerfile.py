"""A Dockerfile executed without Docker: its steps, in a root folder made by debootstrap.

``RUN`` is a real chroot with real apt and pip; ``COPY`` goes through .dockerignore. This knows the
instructions that this repository's Dockerfile has, and no others.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

ROOT = Path(__file__).parent.parent
Step = tuple[str, str]  # the name of an instruction, and what follows it
CERTIFICATES = Path(os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"))
MOUNTS = "mount -t proc proc {root}/proc && mount --rbind /dev {root}/dev && "


def steps(text: str) -> Iterator[Step]:
    """The instructions, with continued lines joined."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    for step in "\n".join(lines).replace("\\\n", " ").splitlines():
        name, _, rest = step.partition(" ")
        yield name, rest.strip()


def steps_of(text: str, target: str) -> list[Step]:
    """The instructions of a target, after those of the target that it stands on."""
    stages: dict[str, list[Step]] = {}
    for name, rest in steps(text):
        if name == "FROM":
            base, _, own = rest.split()
            stages[own] = list(stages.get(base, [(name, base)]))
        else:
            stages[own].append((name, rest))
    return stages[target]


def context(patterns: str, root: Path = ROOT) -> Iterator[str]:
    """What Docker would send of a folder: the last pattern that matches a file decides."""
    rules = [line for line in patterns.splitlines() if line and not line.startswith("#")]
    named = {rule[1:].split("/")[0] for rule in rules if rule.startswith("!")}
    for folder, folders, names in os.walk(root):
        if "*" in rules and folder == str(root):
            folders[:] = [name for name in folders if name in named]  # .venv alone has 60,000 files
        for name in names:
            path = (Path(folder) / name).relative_to(root)
            places = [str(one) for one in (path, *path.parents)][:-1]
            sent = True
            for rule in rules:
                pattern = rule.removeprefix("!")
                if any(_matches(place, pattern) for place in places):
                    sent = rule.startswith("!")
            if sent:
                yield str(path)


def _matches(path: str, pattern: str) -> bool:
    """As Docker does: ``*`` stays within a folder, ``**/`` is any number of folders."""
    if pattern.startswith("**/"):
        return fnmatchcase(path.rpartition("/")[2], pattern[3:])
    same_depth = path.count("/") == pattern.count("/")
    return same_depth and fnmatchcase(path, pattern)


class Image:
    """A root folder, and the variables, user and working directory that its steps have set."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.variables = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        self.arguments: dict[str, str] = {}
        self.user, self.folder = "0", "/"
        # What a network of one's own needs; Docker brings the first, a build there the second.
        shutil.copyfile("/etc/resolv.conf", root / "etc/resolv.conf")
        shutil.copyfile(CERTIFICATES, root / "tmp/certificates.crt")

    def build(self, text: str, target: str) -> None:
        """Execute the steps of a target."""
        sent = list(context((ROOT / ".dockerignore").read_text()))
        for name, rest in steps_of(text, target):
            rest = rest if name == "RUN" else self._expanded(rest)
            if name == "RUN":
                self.run(rest)
            elif name == "COPY":
                self._copy(*rest.split(), sent)
            elif name == "ENV":
                self.variables |= dict(re.findall(r"(\w+)=(\S+)", rest))
            elif name == "ARG":
                key, _, value = rest.partition("=")
                self.arguments[key] = value.strip('"')
            elif name == "USER":
                self.user = rest
            elif name == "WORKDIR":
                self.folder = rest
                (self.root / rest[1:]).mkdir(parents=True, exist_ok=True)
            elif name not in ("FROM", "EXPOSE", "CMD", "ENTRYPOINT"):
                raise ValueError(f"Dockerfile: {name}: an instruction that this test doesn't know")

    def run(self, command: str) -> str:
        """What a shell command prints, run in the root folder by the user that is set.

        Its mounts are in a namespace of their own, and gone when it ends.
        """
        variables = {**self.variables, **(self.arguments if self.user == "0" else {})}
        variables |= {"PIP_CERT": "/tmp/certificates.crt", "HOME": "/tmp"}
        within = ["env", "-i", *(f"{k}={v}" for k, v in variables.items())]
        within += ["/bin/sh", "-c", f"cd {self.folder} && {command}"]
        inside = ["chroot", f"--userspec={self.user}:{self.user}", str(self.root), *within]
        outside = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c"]
        script = MOUNTS.format(root=self.root) + 'exec "$@"'
        done = subprocess.run(
            [*outside, script, "sh", *inside],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise OSError(f"RUN {command}\n{done.stdout[-4000:]}")
        return done.stdout

    def _copy(self, source: str, target: str, sent: list[str]) -> None:
        files = [name for name in sent if name == source or name.startswith(f"{source}/")]
        if not files:
            raise OSError(f"COPY {source}: .dockerignore leaves nothing of it")
        for name in files:
            place = self.root / (target + name.removeprefix(source)).lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, place)

    def _expanded(self, text: str) -> str:
        values = self.arguments | self.variables
        return re.sub(r"\$(\w+)", lambda match: values[match[1]], text)
