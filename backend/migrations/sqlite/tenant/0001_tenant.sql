-- The tenant itself, its clock, its people and their sessions, its audit log and its outgoing mail.

create table tenant (
    tenant_id blob not null primary key,
    name text not null,
    display_name text not null,
    status text not null check (status in ('active', 'suspended')),
    status_reason text,
    brand text not null,
    created_at integer not null
) strict;

-- seq: the sequence of the last committed change. audit_n, audit_head: the end of the audit chain.
create table tenant_clock (
    tenant_id blob not null primary key references tenant (tenant_id),
    seq integer not null default 0,
    audit_n integer not null default 0,
    audit_head blob
) strict;

create table person (
    tenant_id blob not null references tenant (tenant_id),
    id blob not null,
    email text not null,
    name text not null,
    search_text text not null,
    role text not null check (role in ('owner', 'admin', 'operator', 'viewer', 'technician')),
    password_hash text not null,
    created_at integer not null,
    primary key (tenant_id, id),
    unique (tenant_id, email)
) strict;

create table session (
    tenant_id blob not null,
    token_hash blob not null,
    id blob not null,
    person_id blob not null,
    client text not null check (client in ('web', 'app')),
    label text,
    address text,
    created_at integer not null,
    last_used_at integer not null,
    expires_at integer not null,
    primary key (tenant_id, id),
    unique (tenant_id, token_hash),
    foreign key (tenant_id, person_id) references person (tenant_id, id) on delete cascade
) strict;

create index session_by_person on session (tenant_id, person_id);

create table audit (
    tenant_id blob not null references tenant (tenant_id),
    n integer not null,
    at integer not null,
    actor_kind text not null,
    actor_id text,
    actor_name text not null,
    acting_as text,
    action text not null,
    target_kind text not null,
    target_id text,
    target_name text,
    detail text,
    before_hash blob,
    after_hash blob,
    request_id text,
    search_text text not null,
    hash blob not null,
    primary key (tenant_id, n)
) strict;

create index audit_by_target on audit (tenant_id, target_id, n);
create index audit_by_actor on audit (tenant_id, actor_id, n);

create trigger audit_is_never_changed before update on audit
begin select raise(abort, 'the audit log is insert-only'); end;

create trigger audit_is_never_deleted before delete on audit
begin select raise(abort, 'the audit log is insert-only'); end;

create table mail (
    tenant_id blob not null references tenant (tenant_id),
    id blob not null,
    recipient text not null,
    subject text not null,
    body text not null,
    link text,
    created_at integer not null,
    primary key (tenant_id, id)
) strict;
