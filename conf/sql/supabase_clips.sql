-- The tables of conf/redraft.yaml's block supabase_clips, for Supabase or any PostgreSQL from 14 on.
-- Run it as the owner of the database: psql "$OWNER_DSN" -f conf/sql/supabase_clips.sql; again does no harm.
--
-- Roles: people sign in as Supabase's role authenticated; the worker that drafts is redraft_worker; the fetch of
-- corrections is corpus_reader; the server's page writes as page_writer. These three can't sign in before you give them
-- passwords:
--     alter role redraft_worker login password '…';
--     alter role corpus_reader login password '…';

do $$
declare name text;
begin
    foreach name in array array['authenticated', 'redraft_worker', 'corpus_reader', 'page_writer'] loop
        if not exists (select from pg_roles where rolname = name) then
            execute format('create role %I nologin', name);
        end if;
    end loop;
end $$;

create table if not exists runs (
    id uuid primary key default gen_random_uuid(),
    label text not null unique,
    created_at timestamptz not null default now()
);

create table if not exists clips (
    id uuid primary key default gen_random_uuid(),
    run_id uuid not null references runs,
    storage_path text,                             -- key in the bucket; or
    audio bytea,                                   -- the recording itself, of clips that people sent to the server's page
    language text,                                 -- ISO 639 code
    speaker_id text,
    split text check (split in ('train', 'dev', 'test')),  -- test: frozen, gets no drafts
    attributes jsonb not null default '{}',
    status text not null default 'pending' check (status in ('pending', 'corrected', 'rejected', 'failed')),
    draft_transcription text,                      -- written by a model
    draft_confidence real,
    draft_words jsonb,
    draft_model text,
    draft_version text,
    draft_failure text,
    corrected_transcription text,                  -- written by a person
    claimed_by text,
    claimed_until timestamptz,
    created_at timestamptz not null default now(),
    check (status <> 'corrected' or corrected_transcription is not null)
);
alter table clips add column if not exists audio bytea, alter column storage_path drop not null;  -- of older tables
alter table clips drop constraint if exists clips_have_audio;
alter table clips add constraint clips_have_audio check (storage_path is not null or audio is not null);
-- A claim reads the next pending clips in the order of their ids; the corpus reads corrected ones.
create index if not exists clips_pending on clips (id) where status = 'pending';
create index if not exists clips_pending_of_run on clips (run_id, id) where status = 'pending';

-- Each correction, never changed: «all up to number 1234» is the same data set tomorrow, whatever people correct since.
create table if not exists corrections (
    number bigint generated always as identity primary key,
    clip_id uuid not null references clips on delete cascade,
    transcription text,                            -- null: the correction was taken back
    created_at timestamptz not null default now()
);
create index if not exists corrections_of_clip on corrections (clip_id, number desc);

create or replace function note_correction() returns trigger language plpgsql
security definer set search_path = public, pg_temp as $$
begin
    if new.status = 'corrected' and (tg_op = 'INSERT' or old.status <> 'corrected'
            or old.corrected_transcription is distinct from new.corrected_transcription) then
        insert into corrections (clip_id, transcription) values (new.id, new.corrected_transcription);
    elsif tg_op = 'UPDATE' and old.status = 'corrected' and new.status <> 'corrected' then
        insert into corrections (clip_id) values (new.id);
    end if;
    return null;
end $$;
create or replace trigger note_correction after insert or update of status, corrected_transcription on clips
    for each row execute function note_correction();

-- A correction from the server's page: a clip is known by its audio, so the same one sent twice is one row. The server
-- may call this and nothing else.
create or replace function correct_upload(
    upload bytea, transcription text, language text, draft text, model text, sender text
) returns bigint language plpgsql security definer set search_path = public, pg_temp as $$
declare
    clip uuid := substr(encode(sha256(upload), 'hex'), 1, 32)::uuid;
begin
    insert into runs (label) values ('page') on conflict (label) do nothing;
    insert into clips as old (id, run_id, audio, language, status, corrected_transcription, draft_transcription, draft_model,
                              attributes)
    values (clip, (select id from runs where label = 'page'), upload, correct_upload.language, 'corrected', transcription,
            draft, model, jsonb_strip_nulls(jsonb_build_object('corrected_by', sender)))
    on conflict (id) do update set status = 'corrected', corrected_transcription = excluded.corrected_transcription,
        language = excluded.language, draft_transcription = excluded.draft_transcription,
        draft_model = excluded.draft_model, attributes = old.attributes || excluded.attributes;
    return (select max(number) from corrections where clip_id = clip);
end $$;
revoke all on function correct_upload from public;
grant execute on function correct_upload to page_writer;

-- A worker updates drafts, claims and the status of broken clips, nothing else; people update what people write.
revoke all on runs, clips, corrections from public, authenticated, redraft_worker, corpus_reader;
grant select on runs, clips to authenticated, redraft_worker, corpus_reader;
grant select on corrections to corpus_reader;
grant update (corrected_transcription, status, speaker_id, language, attributes) on clips to authenticated;
grant update (draft_transcription, draft_confidence, draft_words, draft_model, draft_version, draft_failure,
              claimed_by, claimed_until, status) on clips to redraft_worker;

alter table runs enable row level security;
alter table clips enable row level security;
alter table corrections enable row level security;

drop policy if exists read_runs on runs;
create policy read_runs on runs for select to authenticated, redraft_worker, corpus_reader using (true);

drop policy if exists read_clips on clips;
create policy read_clips on clips for select to authenticated using (true);
drop policy if exists correct_clips on clips;
create policy correct_clips on clips for update to authenticated using (true) with check (true);

-- The worker sees clips of all statuses, so that an update which loses a race is no error, and changes pending ones.
drop policy if exists see_clips on clips;
create policy see_clips on clips for select to redraft_worker using (split is distinct from 'test');
drop policy if exists draft_clips on clips;
create policy draft_clips on clips for update to redraft_worker
    using (status = 'pending' and split is distinct from 'test')
    with check (status in ('pending', 'failed'));

drop policy if exists read_corrected on clips;
create policy read_corrected on clips for select to corpus_reader using (true);
drop policy if exists read_corrections on corrections;
create policy read_corrections on corrections for select to corpus_reader using (true);
