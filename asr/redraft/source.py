"""The source of pending clips that a block names, with the filters of the command line."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from asr.core.errors import InputError
from asr.redraft.audio import Load, audio_loader
from asr.redraft.clips import ModelName, PendingClips
from asr.redraft.params import Block
from asr.sources.params import FetchParams


@dataclass(frozen=True)
class Source:
    """Pending clips, how their audio is loaded, and whether word times have a place there."""

    clips: PendingClips
    load: Load
    with_words: bool


def open_source(
    block: Block,
    model: ModelName,
    place: str,
    limits: FetchParams,
    run: str | None,
    where: Sequence[str],
    statuses: Sequence[str] | None,
) -> Source:
    """Open a database or a label tool, and check all that a draft needs before any is made.

    Args:
        block: of ``conf/redraft.yaml``.
        model: whose drafts are written.
        place: of the block, for messages.
        limits: section ``fetch``.
        run: label or id; None for all.
        where: conditions ``KEY=VALUE``.
        statuses: in place of the block's; None for these.

    Raises:
        InputError: if a table, column, variable or run is missing.
    """
    if block.kind == "label_studio":
        from asr.redraft.label_studio import LabelStudioTasks

        if run or where or statuses:
            raise InputError(f"{place}: --run, --where and --status need kind database")
        tasks = LabelStudioTasks(block, model, limits)
        return Source(tasks, tasks.load, False)

    from asr.redraft.claims import TableClips
    from asr.redraft.database import Database
    from asr.redraft.filters import of_run, of_value

    load = audio_loader(block.audio, limits, place)
    database = Database(block.dsn_env, block.retry_s)
    clips = TableClips(database, block, model, place)
    if statuses:
        clips.only_status(statuses)
    if run is not None:
        clips.only(of_run(run, database, block, clips, place))
    for condition in where:
        clips.only(of_value(condition, database, block, clips))
    if clips.full_scan():
        names, statuses = block.columns, ", ".join(f"'{one}'" for one in block.pending)
        print(
            f"${block.dsn_env}: each batch reads all of {block.table}, for want of an index: "
            f"create index concurrently on {block.table} ({names.id}) "
            f"where {names.status} in ({statuses})",
            file=sys.stderr,
        )
    return Source(clips, load, block.columns.words is not None)
