# python -m pytest tests/test_correction_loop.py    (ten minutes on two cores)
"""The whole loop on a real PostgreSQL, a real S3 server and real speech.

A run of 60 recordings gets drafts of the base model, people correct 40, the model learns from these
alone, and the other 20 are drafted anew: by two workers, one of which is killed, while a person
edits. The drafts get better, nothing is lost or overwritten, and each clip is drafted once.
"""

import json
import os
import signal
import subprocess
import sys
import time

import jiwer
import pytest

from asr.core.errors import InputError
from asr.sources.bucket import Bucket, read_object
from tests.clips_table import RUN, People, as_role, block, clip_id, supabase
from tests.pipeline_repo import copy_of_this_repository, wait_for
from tests.s3_server import s3_server
from tests.starter import starter_clips
from tests.web_server import LIMITS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
NUM, NUM_CORRECTED, CLAIM_S = 60, 40, 20.0
# Notes each draft that is written, behind the workers' backs.
LOG = """
create table draft_log (clip_id uuid, version text, worker text);
create function note_draft() returns trigger language plpgsql security definer as $$
begin
    insert into draft_log values (new.id, new.draft_version, old.claimed_by);
    return null;
end $$;
create trigger note_draft after update of draft_version on clips for each row
    when (old.draft_version is distinct from new.draft_version) execute function note_draft();
"""
TRAINING = {
    "split.dev_share": 0.15, "split.test_share": 0.15, "train.max_steps": 24, "train.lr": 7e-5,
    "train.warmup_steps": 3, "train.num_epochs": 40, "train.min_hours": 0.0,
    "train.eval_every_steps": 12, "train.save_every_steps": 1000, "train.average_decay": 0.0,
    "audit.judge.name": "random", "audit.stop_share": 1.0, "decode.num_beams": 1,
}  # fmt: skip


@pytest.fixture
def table(starter, tmp_path):
    """The filled table, its S3 server, the true texts by id, and the environment of workers."""
    recordings = [recording for recording, _ in starter_clips(starter, "be", NUM)]
    (tmp_path / "s3").mkdir()
    with supabase() as people, s3_server(tmp_path / "s3") as server:
        files = server.files()
        people.run("insert into runs (id, label) values (%s, 'week 7')", RUN)
        for number, recording in enumerate(recordings, start=1):
            files.pipe_file(f"dvc/clips/{number}.ogg", bytes(recording.audio))
            people.run("insert into clips (id, run_id, storage_path, language) "
                       "values (%s, %s, %s, 'be')",
                       clip_id(number), RUN, f"clips/{number}.ogg")  # fmt: skip
        people.run(LOG)
        environment = {
            "CLIPS_DSN": as_role(people.address, "redraft_worker"),
            "CORRECTIONS_DSN": as_role(people.address, "corpus_reader"),
            "SUPABASE_S3_ENDPOINT": server.url,
            "SUPABASE_S3_KEY": server.credentials["AWS_ACCESS_KEY_ID"],
            "SUPABASE_S3_SECRET": server.credentials["AWS_SECRET_ACCESS_KEY"],
        }
        texts = {clip_id(n): one.text for n, one in enumerate(recordings, start=1)}
        yield people, texts, environment


@pytest.fixture
def repo(tmp_path):
    """A repository whose blocks name the test's bucket."""
    (tmp_path / "repo").mkdir()
    repo = copy_of_this_repository(tmp_path / "repo")
    sources = (repo.folder / "conf" / "sources.yaml").read_text()
    sources = sources.replace("bucket: clips", "bucket: dvc")
    sources = sources.replace("watermark: 0 ", f"watermark: {NUM_CORRECTED} ")
    (repo.folder / "conf" / "sources.yaml").write_text(sources)
    bucket = {"kind": "s3", "column": "storage_path", "bucket": "dvc", "region": "us-east-1",
              "endpoint_env": "SUPABASE_S3_ENDPOINT", "key_env": "SUPABASE_S3_KEY",
              "secret_env": "SUPABASE_S3_SECRET"}  # fmt: skip
    values = block(audio=bucket, batch_clips=3, claim_s=CLAIM_S, corpus="mine", retry_s=10.0)
    mine = values.model_dump()
    # Word times of the first drafts would take longer than the drafts.
    first = mine | {"columns": mine["columns"] | {"words": None}}
    blocks = {"mine": mine, "first": first}
    (repo.folder / "conf" / "redraft.yaml").write_text(json.dumps(blocks))
    params = (repo.folder / "params.yaml").read_text()
    be = "  be: {format: stamps, language: be, source: tuxpaint_stamps}\n"
    bg = be.replace("be", "bg")
    assert be + bg in params
    line = "  mine: {format: jsonl, language: be, source: supabase_corrections}\n"
    (repo.folder / "params.yaml").write_text(params.replace(be + bg, line))
    repo.set_params(TRAINING)
    (repo.folder / "dvc.lock").unlink(missing_ok=True)
    return repo


def redraft(model, block="mine"):
    return ("python", "-m", "commands.redraft", "--block", block, "--model", model)


def cer(drafts, texts):
    pairs = [(texts[key], text or "") for key, text in drafts]
    return jiwer.cer([one for one, _ in pairs], [two for _, two in pairs])


def test_corrections_make_better_drafts(table, repo, starter):
    people, texts, environment = table
    print(repo.run(*redraft(str(starter / "base"), "first"), "--run", "week 7", **environment))
    poor = dict(people.run("select id::text, draft_transcription from clips"))
    assert len(poor) == NUM and all(text is not None for text in poor.values())
    person = People(as_role(people.address, "authenticated"))
    for number in range(1, NUM_CORRECTED + 1):
        person.run("update clips set status = 'corrected', corrected_transcription = %s "
                   "where id = %s", texts[clip_id(number)], clip_id(number))  # fmt: skip
    print(repo.run("dvc", "repro", "train", **environment))
    fetched = repo.folder / "data" / "manifests" / "train.jsonl"
    learned = {json.loads(line)["id"].removeprefix("mine/") for line in fetched.open()}
    assert learned < set(texts) and max(learned) <= clip_id(NUM_CORRECTED)
    edited = race(people, repo, environment)
    pending = "select id::text, draft_transcription from clips where status = 'pending'"
    better = people.run(pending)
    assert len(better) == NUM - NUM_CORRECTED - 1
    before = cer([(key, poor[key]) for key, _ in better], texts)
    after = cer(better, texts)
    print(f"CER of {len(better)} drafts: {before:.3f} before, {after:.3f} after")
    assert after < before
    # The person's clip is as they left it, and each other clip has one draft of each model.
    assert people.run("select corrected_transcription from clips where id = %s", edited) == [
        ("by hand",)
    ]
    counts = people.run("select version, count(*), count(distinct clip_id) from draft_log "
                        "group by version order by count(*)")  # fmt: skip
    assert counts[1][1:] == (NUM, NUM)
    # The person may have come just after the edited clip's draft was written.
    assert counts[0][1] == counts[0][2] in (len(better), len(better) + 1)
    assert people.run("select count(*) from clips where status = 'pending' "
                      "and claimed_by is not null") == [(0,)]  # fmt: skip


def race(people, repo, environment):
    """Two workers, one killed while it has clips, a person who edits another; then one finishes."""
    words = [sys.executable, *redraft("models/tuned")[1:]]
    options = {"cwd": repo.folder, "env": {**os.environ, **environment, "TQDM_DISABLE": "1"}}
    one, two = (subprocess.Popen(words, **options) for _ in range(2))
    claimed = "select id::text from clips where claimed_by like %s order by id"
    wait_for(lambda: len(people.run(claimed, f"%-{one.pid}-%")) > 1)
    one.send_signal(signal.SIGKILL)
    left = [key for (key,) in people.run(claimed, f"%-{one.pid}-%")]
    one.wait()
    (edited, *_) = [key for (key,) in people.run(claimed, f"%-{two.pid}-%")] or left
    person = People(as_role(people.address, "authenticated"))
    person.run("update clips set status = 'corrected', corrected_transcription = 'by hand' "
               "where id = %s", edited)  # fmt: skip
    assert two.wait(timeout=300) == 0
    time.sleep(CLAIM_S)
    print(f"killed with {len(left)} clips; {repo.run(*redraft('models/tuned'), **environment)}")
    assert "mine: 0 clips" in repo.run(*redraft("models/tuned"), **environment)
    return edited


def test_faults_of_the_bucket_cost_their_clip_and_show_no_secret(tmp_path, monkeypatch):
    with s3_server(tmp_path) as server:
        files = server.files()
        files.pipe_file("dvc/a b.wav", b"sound")
        files.pipe_file("dvc/empty.wav", b"")
        monkeypatch.setenv("ENDPOINT", server.url)
        monkeypatch.setenv("KEY", server.credentials["AWS_ACCESS_KEY_ID"])
        monkeypatch.setenv("SECRET", server.credentials["AWS_SECRET_ACCESS_KEY"])
        bucket = Bucket(bucket="dvc", region="us-east-1", endpoint_env="ENDPOINT", key_env="KEY",
                        secret_env="SECRET")  # fmt: skip
        assert read_object(bucket, "a b.wav", "path", LIMITS) == b"sound"
        small = LIMITS.model_copy(update={"max_file_mb": 4e-6})
        for key, limits, words in (
            ("none.wav", LIMITS, "^path: 'dvc/none.wav': there is no such object$"),
            ("empty.wav", LIMITS, "^path: 'dvc/empty.wav': "),
            ("a b.wav", small, "^path: expected at most 4 bytes"),
            ("../a", LIMITS, "^path: expected a path inside"),
        ):
            with pytest.raises(InputError, match=words):
                read_object(bucket, key, "path", limits)
        monkeypatch.setenv("SECRET", "wrong-secret")
        other = bucket.model_copy(update={"region": "eu-central-1"})
        with pytest.raises(InputError, match=r"^path: 'dvc/a b.wav': \w+$") as caught:
            read_object(other, "a b.wav", "path", LIMITS)
        assert "secret" not in str(caught.value)
