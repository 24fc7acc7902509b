"""Python, the installed packages against the pinned ones, and the audio files that they decode."""

import importlib
import io
import re
import shutil
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path

import numpy as np
import soundfile

from asr.doctor.finding import Finding, some

INSTALL = "pip install -r requirements.txt"
# What corpora come as; the rest needs PyAV. Format and subtype as libsndfile names them.
LIBSNDFILE = {"WAV": "PCM_16", "FLAC": "PCM_16", "OGG": "VORBIS", "MP3": "MPEG_LAYER_III"}
PYAV = ("aac", "alac", "amrnb", "amrwb", "opus", "wmav2")  # M4A, 3GP, WebM, WMA


def check_python(root: Path = Path()) -> Iterator[Finding]:
    """The version, and whether stages and the queue's workers get this Python from PATH."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    least = project["requires-python"].removeprefix(">=")
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < tuple(map(int, least.split("."))):
        yield Finding("fail", f"expected Python {least} or newer, got {found}", "make setup")
    here = Path(sys.executable).parent
    for name in ("python", "dvc"):
        path = shutil.which(name)
        if path is None or Path(path).parent != here:
            # Stages are `python -m …`, and DVC's queue starts `dvc`.
            text = f"stages start `{name}` from PATH, which is {path}, not {here / name}"
            yield Finding("fail", text, f"source {here / 'activate'}")
            return
    yield Finding("ok", f"{found} in {sys.prefix}")


def check_packages(root: Path = Path()) -> Iterator[Finding]:
    """What requirements.txt names must be here; what else is here, in the pinned version."""
    required = pinned(root / "requirements.txt")
    pins = required | pinned(root / "conf" / "constraints.txt")
    here = {_normal(one.name): one.version for one in distributions() if one.name}
    if missing := sorted(required.keys() - here.keys()):
        yield Finding("fail", f"not installed: {some(missing)}", INSTALL)
    others = [
        f"{name} {here[name]} (pinned: {pin})"
        for name, pin in sorted(pins.items())
        if name in here and here[name].partition("+")[0] != pin
    ]
    if others:
        yield Finding("warn", f"other versions: {some(others)}", INSTALL)
    if not missing and not others:
        yield Finding("ok", f"{len(pins.keys() & here.keys())} packages, all as pinned")


def pinned(path: Path) -> dict[str, str]:
    """Versions by package, of the lines ``name==version`` of a file of requirements."""
    lines = path.read_text(encoding="utf-8").splitlines()
    found = (re.match(r"([\w.-]+)(?:\[.*?\])?==([\w.]+)", line) for line in lines)
    return {_normal(match[1]): match[2] for match in found if match}


def check_codecs(formats: dict[str, str] = LIBSNDFILE) -> Iterator[Finding]:
    """Whether libsndfile writes and reads a tone in each format, and PyAV has the other codecs."""
    failed = [name for name, subtype in formats.items() if not _decodes(name, subtype)]
    try:
        pin = f"soundfile=={version('soundfile')}"
    except PackageNotFoundError:
        pin = "soundfile"
    if failed:
        text = f"libsndfile {soundfile.__libsndfile_version__} can't decode {some(failed)}"
        # A distribution's own libsndfile may lack MP3; the wheel brings one that has it.
        yield Finding("fail", text, f"pip install --force-reinstall --no-deps {pin}")
    try:
        codecs = importlib.import_module("av").codecs_available
    except ImportError:
        text = "no PyAV: M4A, MP4, WebM, AAC, AMR and WMA can't be decoded"
        yield Finding("warn", text, "pip install -r requirements/audio.txt")
        return
    if lacking := [codec for codec in PYAV if codec not in codecs]:
        again = "pip install --force-reinstall --no-deps -r requirements/audio.txt"
        yield Finding("warn", f"PyAV can't decode {some(lacking)}", again)
    elif not failed:
        yield Finding("ok", f"{', '.join(formats)} by libsndfile; {', '.join(PYAV)} by PyAV")


def _decodes(name: str, subtype: str) -> bool:
    tone = np.sin(np.arange(8000, dtype=np.float32) / 8) / 2
    file = io.BytesIO()
    try:
        soundfile.write(file, tone, 16000, format=name, subtype=subtype)
        file.seek(0)
        decoded, rate = soundfile.read(file)
    except (soundfile.LibsndfileError, ValueError):
        return False
    # MP3 adds silence at both ends.
    return bool(rate == 16000 and len(decoded) >= len(tone) and np.abs(decoded).max() > 0.3)


def _normal(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()
