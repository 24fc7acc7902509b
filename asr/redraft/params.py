"""Blocks of ``conf/redraft.yaml``: where pending clips are, and where their audio is."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from asr.core.params import load_block
from asr.core.schema import Schema
from asr.sources.bucket import Bucket, Variable

REDRAFT = Path("conf", "redraft.yaml")
Name = Annotated[str, Field(min_length=1)]


class BytesColumn(Schema):
    """The row itself holds the audio, as bytes."""

    kind: Literal["bytes"]
    column: Name


class UrlColumn(Schema):
    """The row has a URL; ``allow_private`` permits those of this machine and its network."""

    kind: Literal["url"]
    column: Name
    allow_private: bool


class FolderColumn(Schema):
    """The row has a path in a folder of this machine."""

    kind: Literal["folder"]
    column: Name
    root: Name


class S3Column(Bucket):
    """The row has a key in a bucket of an S3 server; the other keys are of ``Bucket``."""

    kind: Literal["s3"]
    column: Name


Audio = Annotated[
    BytesColumn | UrlColumn | FolderColumn | S3Column, Field(discriminator="kind")
]  # fmt: skip


class Columns(Schema):
    """Names of the table's columns; those that may be null can be left out.

    Attributes:
        id: of a clip, unique.
        status: where the clip is on its way to the corpus.
        draft: the transcript that a model wrote.
        model: name of that model.
        version: hash of that model's files.
        claimed_by: the worker that transcribes the clip now.
        claimed_until: when that claim ends.
        confidence: of the draft, 0 to 1.
        words: of the draft with their times; a column of type json, jsonb or text.
        failure: why a clip got no draft.
        transcript: of a person. A row that has one gets no draft.
        language: ISO 639 code.
        split: rows with ``test`` in it get no draft.
        run: groups clips; a label or id, or the id of a row of table ``runs``.
        attributes: a column of type json or jsonb, for ``--where``.
    """

    id: Name
    status: Name
    draft: Name
    model: Name
    version: Name
    claimed_by: Name
    claimed_until: Name
    confidence: Name | None = None
    words: Name | None = None
    failure: Name | None = None
    transcript: Name | None = None
    language: Name | None = None
    split: Name | None = None
    run: Name | None = None
    attributes: Name | None = None

    def names(self) -> list[str]:
        """All columns that are named."""
        return [name for name in self.model_dump().values() if name]


class Runs(Schema):
    """The table of runs: ``columns.run`` of a clip is ``id`` of a row whose label is a name."""

    table: Name
    id: Name
    label: Name


class DatabaseBlock(Schema):
    """A table of clips.

    Attributes:
        dsn_env: variable with the address, ``postgresql://…`` or ``sqlite:///path``.
        table: its name, perhaps with a schema.
        columns: see ``Columns``.
        runs: see ``Runs``.
        pending: values of ``columns.status`` whose clips get drafts.
        failed: the status of a clip without usable audio; None to leave the status as it is.
        audio: where it is.
        language: of rows without one.
        corpus: the corpus of params.yaml that corrections of this table become: its test clips get
            no draft. None if there is none.
        batch_clips: claimed at once.
        claim_s: seconds until the claim of a dead worker ends; longer than a batch takes.
        retry_s: seconds to try again when the database can't be reached.
    """

    kind: Literal["database"]
    dsn_env: Variable
    table: Name
    columns: Columns
    runs: Runs | None
    pending: Annotated[list[Name], Field(min_length=1)]
    failed: Name | None
    audio: Audio
    language: Name | None
    corpus: Name | None
    batch_clips: int = Field(ge=1, le=1000)
    claim_s: float = Field(gt=0)
    retry_s: float = Field(ge=0)


class LabelStudioBlock(Schema):
    """A project of Label Studio.

    Attributes:
        url_env: variable with the server's address.
        token_env: variable with an access token.
        project: its number.
        audio_key: of a task's data, with the audio's address.
        from_name: name of the ``TextArea`` in the labeling configuration.
        to_name: name of the ``Audio`` there.
        language: of all tasks.
        corpus: as of ``DatabaseBlock``.
        batch_clips: as of ``DatabaseBlock``.
        retry_s: as of ``DatabaseBlock``.
    """

    kind: Literal["label_studio"]
    url_env: Variable
    token_env: Variable
    project: int = Field(ge=1)
    audio_key: Name
    from_name: Name
    to_name: Name
    language: Name
    corpus: Name | None
    batch_clips: int = Field(ge=1, le=1000)
    retry_s: float = Field(ge=0)


Block = DatabaseBlock | LabelStudioBlock
_BLOCK: TypeAdapter[Block] = TypeAdapter(Annotated[Block, Field(discriminator="kind")])


def load_redraft(name: str, path: Path = REDRAFT) -> Block:
    """A block of ``conf/redraft.yaml``.

    Raises:
        InputError: with the file and the key that is missing or wrong.
    """
    block: Block = load_block(path, (name,), _BLOCK)
    return block
