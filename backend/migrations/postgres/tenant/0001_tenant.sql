-- The tenant itself, its clock, its people and their sessions, its audit log and its outgoing mail.

create table tenant (
    tenant_id uuid not null primary key,
    name text not null,
    display_name text not null,
    status text not null check (status in ('active', 'suspended')),
    status_reason text,
    brand text not null,
    created_at bigint not null
);

-- seq: the sequence of the last committed change. audit_n, audit_head: the end of the audit chain.
create table tenant_clock (
    tenant_id uuid not null primary key references tenant (tenant_id),
    seq bigint not null default 0,
    audit_n bigint not null default 0,
    audit_head bytea
);

create table person (
    tenant_id uuid not null references tenant (tenant_id),
    id uuid not null,
    email text not null,
    name text not null,
    search_text text not null,
    role text not null check (role in ('owner', 'admin', 'operator', 'viewer', 'technician')),
    password_hash text not null,
    created_at bigint not null,
    primary key (tenant_id, id),
    unique (tenant_id, email)
);

create table session (
    tenant_id uuid not null,
    token_hash bytea not null,
    id uuid not null,
    person_id uuid not null,
    client text not null check (client in ('web', 'app')),
    label text,
    address text,
    created_at bigint not null,
    last_used_at bigint not null,
    expires_at bigint not null,
    primary key (tenant_id, id),
    unique (tenant_id, token_hash),
    foreign key (tenant_id, person_id) references person (tenant_id, id) on delete cascade
);

create index session_by_person on session (tenant_id, person_id);

create table audit (
    tenant_id uuid not null references tenant (tenant_id),
    n bigint not null,
    at bigint not null,
    actor_kind text not null,
    actor_id text,
    actor_name text not null,
    acting_as text,
    action text not null,
    target_kind text not null,
    target_id text,
    target_name text,
    detail text,
    before_hash bytea,
    after_hash bytea,
    request_id text,
    search_text text not null,
    hash bytea not null,
    primary key (tenant_id, n)
);

create index audit_by_target on audit (tenant_id, target_id, n);
create index audit_by_actor on audit (tenant_id, actor_id, n);

create function audit_is_insert_only() returns trigger language plpgsql as $$
begin raise exception 'the audit log is insert-only'; end $$;

create trigger audit_is_never_changed before update or delete on audit
for each row execute function audit_is_insert_only();

create trigger audit_is_never_truncated before truncate on audit
for each statement execute function audit_is_insert_only();

create table mail (
    tenant_id uuid not null references tenant (tenant_id),
    id uuid not null,
    recipient text not null,
    subject text not null,
    body text not null,
    link text,
    created_at bigint not null,
    primary key (tenant_id, id)
);
