"""A CSV of clips to correct, for label tools.

Label Studio reads a CSV with pandas: each row becomes a task and each column a variable of its
labeling configuration, such as ``$audio`` (label_studio/data_import/models.py). Predictions in its
own format only come in JSON, so here the draft is the value that a ``TextArea`` starts with.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from asr.core.csv_files import write_csv
from asr.core.errors import InputError
from asr.data_export.datasets import file_name, write_audio
from asr.prediction.clips import Clip
from asr.ranking.orders import Candidate

COLUMNS = ("rank", "id", "audio", "text", "language", "speaker_id", "duration_s", "value",
           "other_text", "old_text")  # fmt: skip
FORMATS = ("table", "label_studio")


@dataclass(frozen=True)
class AudioPlaces:
    """How the column ``audio`` names a file.

    Attributes:
        folder: that all files are below, where there is a ``url``.
        url: of that folder, with its last «/» or «=»; None for absolute paths.
    """

    folder: Path
    url: str | None

    def of(self, file: Path) -> str:
        """The path or URL of a file.

        Raises:
            InputError: if there is a URL and the file is not below the folder.
        """
        if self.url is None:
            return str(file.absolute())
        try:
            below = file.absolute().relative_to(self.folder.absolute())
        except ValueError as error:
            raise InputError(
                f"--audio-url: expected audio below {self.folder}, got {file}"
            ) from error
        return self.url + quote(below.as_posix())


def write_wavs(clips: Sequence[Clip], folder: Path) -> dict[str, Path]:
    """Write clips as WAV files, 16 kHz and 16 bits; returns their paths by id."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {clip.id: folder / f"{file_name(clip.id)}.wav" for clip in clips}
    for clip in clips:
        write_audio(files[clip.id], clip.load())
    return files


def write_label_csv(
    path: Path,
    chosen: Sequence[tuple[Candidate, float]],
    clips: Mapping[str, Clip],
    audio: Mapping[str, str],
    form: str,
) -> None:
    """Write a row for each clip, in the order to correct them.

    Args:
        path: of the CSV.
        chosen: clips and their values.
        clips: of the manifest, by id.
        audio: path or URL of each clip, by id.
        form: of ``FORMATS``. A ``table`` may be opened in a spreadsheet: a cell that begins like a
            formula has an apostrophe before it. Label Studio would show it in the transcript.
    """
    rows = [
        (
            number, one.id, audio[one.id], one.text, one.language, one.speaker_id,
            round(one.duration_s, 3), round(value, 4), one.other_text, clips[one.id].text,
        )
        for number, (one, value) in enumerate(chosen, start=1)
    ]  # fmt: skip
    write_csv(path, COLUMNS, rows, formulas=form == "label_studio")
