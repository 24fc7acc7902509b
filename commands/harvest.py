"""Fetch recordings from the web that have an allowed license, each with where it is from.

``python -m commands.harvest --block talks --out harvested/talks`` fetches what the block ``talks``
of ``conf/harvests.yaml`` names, by yt-dlp: pages, feeds, playlists, files. A second run fetches
only what is new. The folder is a source of kind ``folder`` for a corpus of format ``paired``:
subtitles become timed segments. What was refused for its license, or failed, is in ``harvest.csv``
there.
"""

from pathlib import Path

from asr.core.cli import run
from asr.core.errors import needs
from asr.core.params import load_block


def harvest(block: str, out: Path) -> None:
    """Fetch recordings from the web that have an allowed license, each with where it is from.

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
        print(f"{counts}; {out / LOG} says more")


if __name__ == "__main__":
    run(harvest)
