"""Publish a package to the Hugging Face hub or to S3.

    python -m commands.publish --hub OWNER/NAME --dry-run     # list files and sizes, upload nothing
    python -m commands.publish --hub OWNER/NAME               # into a private repository
    python -m commands.publish --hub OWNER/NAME --public
    python -m commands.publish --s3 s3://bucket/models

The checks in publish.require of params.yaml must pass, unless --force "REASON" says why not; the
reason is at the top of the published card. Data that are non-commercial, without derivatives, of an
unknown license, or withdrawn stop every public place, also with --force. A version is published
once. A killed upload resumes by the same command. The hub's token comes from HF_TOKEN or `hf auth
login`, S3's keys from AWS_*; a bucket's own settings decide who can read it: say --public if
everyone can.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from asr.core.errors import InputError
from asr.core.files import read_json
from asr.core.params import load_params
from asr.packages.info import package_info
from asr.packages.manifest import MANIFEST
from asr.packages.params import PackageParams, PublishParams
from asr.packages.publish import (
    Place,
    forbidden,
    notices_of,
    obstacles,
    publish,
    sizes,
    staged,
    withdrawn,
)
from asr.packages.write import check_package, package_folder

STOPPED = 1  # exit status of what may not be published, as of an error


def place_of(given: argparse.Namespace, name: str, version: str) -> Place:
    """The hub or the storage that the command line names."""
    if given.hub:
        from asr.packages.hub import Hub

        return Hub(given.hub, version)
    from asr.packages.storage import Storage

    return Storage(given.s3, f"{name}-{version}")


def command(given: argparse.Namespace) -> int:
    """Publish, or list what would be; returns the exit status."""
    folder = given.package or package_folder(load_params("package", PackageParams))
    check_package(folder)
    manifest = read_json(folder / MANIFEST)
    failed = obstacles(manifest, load_params("publish", PublishParams).require)
    notices = notices_of(failed, given.force, withdrawn(manifest))
    stops = [] if given.force else failed
    info = package_info(folder)
    if given.dry_run:
        stops += forbidden(manifest) if given.public else []
        with staged(folder, notices, info) as stage:
            files = sizes(stage)
        print(*(f"{size:>14,}  {name}" for name, size in files), sep="\n")
        print(f"{sum(size for _, size in files):>14,}  bytes in {len(files)} files")
        print(*(f"stops it: {line}" for line in stops), sep="\n", end="\n" if stops else "")
        return STOPPED if stops else 0
    if stops:
        raise InputError(
            "\n".join(["publish.require of params.yaml is not met:", *stops,
                       'to publish it nevertheless: --force "REASON"'])
        )  # fmt: skip
    place = place_of(given, manifest["name"], manifest["version"])
    print(f"published: {publish(place, folder, given.public, notices, info)}")
    print(f"to find it later: gto register {manifest['name']} --version v{manifest['version']}")
    return 0


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--package", type=Path, help="default: that of params.yaml")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--hub", metavar="OWNER/NAME", help="a repository of the hub")
    where.add_argument("--s3", metavar="URL", help="a folder of object storage")
    parser.add_argument("--public", action="store_true", help="everyone can read it")
    parser.add_argument("--dry-run", action="store_true", help="list files and sizes")
    parser.add_argument("--force", metavar="REASON", help="publish though checks fail")
    given = parser.parse_args()
    if given.force is not None and not given.force.strip():
        parser.error("--force: expected a reason, got none")
    try:
        return command(given)
    except (InputError, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"publish: {error}")


if __name__ == "__main__":
    sys.exit(main())
