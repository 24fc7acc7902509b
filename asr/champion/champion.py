"""The champion: the last released model, whose hypotheses of the test set the stage stores."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asr.champion.revision import Files, Transcribed, read_files, read_revision
from asr.champion.same_test_set import check_same_test_set
from asr.core.errors import InputError
from asr.core.files import read_json, write_json
from asr.utterances.hypothesis import Hypothesis, read_hypotheses, write_hypotheses
from asr.utterances.utterance import Utterance

DESCRIPTION, HYPOTHESES, MANIFEST = "champion.json", "hypotheses.jsonl", "test.jsonl"


@dataclass(frozen=True)
class Champion:
    """What the stage stored of the champion.

    Attributes:
        source: its name, commit and the hash of its hypotheses, for a metrics file.
        normalizers: IDs by language of its own scores; None if it has none.
        hypotheses: by id.
        path: of the hypotheses, for messages.
    """

    source: dict[str, str | None]
    normalizers: dict[str, str] | None
    hypotheses: dict[str, Hypothesis]
    path: Path


def find_champion(revision: str, files: Files, folder: Path) -> Transcribed | None:
    """Read the champion from a revision or a folder; None if there is neither.

    Args:
        revision: ``score.champion``.
        files: to read there.
        folder: ``score.champion_folder``.

    Raises:
        InputError: if there are both, or a file is missing.
    """
    in_folder = sorted(name for name in (HYPOTHESES, MANIFEST) if (folder / name).exists())
    if revision and in_folder:
        raise InputError(
            f"score.champion: expected one champion, got {revision!r} and {folder / in_folder[0]}"
        )
    if revision:
        return read_revision(revision, files)
    return read_files(str(folder), folder / MANIFEST, folder / HYPOTHESES) if in_folder else None


def store_champion(
    out: Path, champion: Transcribed | None, test: Sequence[Utterance], test_name: str
) -> None:
    """Write the champion into the folder ``out``; without one, a description that says so.

    Raises:
        InputError: if its test set is another; names what differs.
    """
    if champion is None:
        write_json(out / DESCRIPTION, {"name": None})
        return
    try:
        check_same_test_set(test, champion.utterances, test_name, champion.name)
    except InputError as error:
        raise InputError(
            f"score.champion: {error}. Transcribe this test set with that model, and put both "
            "files into the folder of score.champion_folder, or name no champion"
        ) from error
    write_json(
        out / DESCRIPTION,
        {
            "name": champion.name,
            "commit": champion.commit,
            "hypotheses_sha256": champion.hypotheses_sha256,
            "normalizers": champion.normalizers,
        },
    )
    write_hypotheses(out / HYPOTHESES, champion.hypotheses.values())


def read_champion(folder: Path) -> Champion | None:
    """Read what ``store_champion`` wrote; None if there is no champion.

    Raises:
        InputError: with file, line and key.
    """
    source = read_json(folder / DESCRIPTION)
    if source["name"] is None:
        return None
    normalizers = source.pop("normalizers")
    path = folder / HYPOTHESES
    return Champion(source, normalizers, read_hypotheses(path), path)
