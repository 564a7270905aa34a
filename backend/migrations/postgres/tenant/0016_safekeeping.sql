-- Files of attempts that somebody handed over after they were removed, while nobody has decided about the attempts.
-- They count in attachment_meter as those of attempts do.
create table escrow_file (
    tenant_id uuid not null references tenant (tenant_id),
    attempt_id uuid not null,
    sha256 bytea not null,
    person_id uuid not null,
    media_type text not null,
    size bigint not null,
    received_at bigint not null,
    content bytea not null,
    primary key (tenant_id, attempt_id, person_id, sha256)
);

create index escrow_file_by_age on escrow_file (tenant_id, received_at);
create index escrow_file_by_person on escrow_file (tenant_id, person_id);

-- At which sequence each life of the store began that a backup was put back for.
create table sync_epoch (
    tenant_id uuid not null references tenant (tenant_id),
    epoch bigint not null,
    seq bigint not null,
    primary key (tenant_id, epoch)
);

-- Of the record of an attempt: files that wait for it go with what is decided about it.
alter table escrow add column attempt_id uuid;
create index escrow_by_attempt on escrow (tenant_id, attempt_id);
