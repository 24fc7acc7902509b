"""Write the package: exports of the tuned model, what they were made from, and the model card."""

from pathlib import Path

from asr.core.cli import run
from asr.core.errors import InputError
from asr.core.params import load_params
from asr.corpora.test_sets import test_set_names
from asr.packages.checks import unmet
from asr.packages.manifest import run_manifest
from asr.packages.params import PackageParams
from asr.packages.write import write_package


def package(export: Path, manifests: Path, metrics: Path, lock: Path, out: Path) -> None:
    """Write the package: exports of the tuned model, what they were made from, and the model card.

    Args:
        export: folder with the exports.
        manifests: folder with the manifests of train, dev, test and replay.
        metrics: folder with scores, guards, gates and parity.
        lock: ``dvc.lock``, for the digests of these inputs.
        out: the new folder.
    """
    params = load_params("package", PackageParams)
    manifest = run_manifest(params, manifests, metrics, export, lock, test_set_names())
    if failed := unmet(manifest["checks"], params.require, "package.require"):
        raise InputError(
            "\n".join(["no package, since package.require of params.yaml is not met:", *failed])
        )
    write_package(out, export, manifest)
    other = [name for name, one in manifest["checks"].items() if one["status"] == "fail"]
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(f"package: {out}, {size / 1e6:.1f} MB; checks that fail: {', '.join(other) or 'none'}")


if __name__ == "__main__":
    run(package)
