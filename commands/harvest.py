"""Fetch recordings with an allowed license from the web, each with its provenance.

``python -m commands.harvest --block talks --out harvested/talks`` runs yt-dlp on the addresses of
block ``talks`` of ``conf/harvests.yaml``: pages, feeds, playlists, files. A second run fetches only
new recordings. The folder is a source of kind ``folder`` for a corpus of format ``paired``:
subtitles become timed segments. The folder's ``harvest.csv`` lists recordings that were rejected
for their license or failed.
"""

from pathlib import Path

from asr.core.cli import run
from asr.core.errors import needs
from asr.core.params import load_block


def harvest(block: str, out: Path) -> None:
    """Fetch recordings with an allowed license from the web, each with its provenance.

    Args:
        block: of ``conf/harvests.yaml``.
        out: folder, new or of an earlier run.
    """
    with needs("harvest", "commands.harvest"):
        from asr.harvest.harvest import CONF, LOG, Harvest, Harvester
    harvester = Harvester(load_block(CONF, (block,), Harvest), out)
    try:
        harvester.run()
    finally:
        counts = ", ".join(f"{num} {result}" for result, num in harvester.results.items())
        print(f"{counts}; details are in {out / LOG}")


if __name__ == "__main__":
    run(harvest)
