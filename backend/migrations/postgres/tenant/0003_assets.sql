-- Sites, device models, devices and attempts: the synced entities; and what synchronization keeps about them.
-- Every synced row has: seq, the number of its last change; scope, the set it is read in; where several may
-- edit it, stamps (who changed which field when, JSON) and search_text (folded, begins with the name).

create table site (
    tenant_id uuid not null references tenant (tenant_id),
    id uuid not null,
    seq bigint not null,
    scope text not null,
    stamps text not null,
    search_text text not null,
    name text not null,
    address text,
    time_zone text not null,
    note text,
    created_at bigint not null,
    primary key (tenant_id, id)
);

create unique index site_by_seq on site (tenant_id, scope, seq);
create index site_by_name on site (tenant_id, search_text, id);

create table device_model (
    tenant_id uuid not null references tenant (tenant_id),
    id uuid not null,
    seq bigint not null,
    scope text not null,
    stamps text not null,
    search_text text not null,
    name text not null,
    sku text not null,
    min_security text not null check (min_security in ('sec0', 'sec1', 'sec2_patch0', 'sec2_patch1')),
    created_at bigint not null,
    primary key (tenant_id, id)
);

create unique index device_model_by_seq on device_model (tenant_id, scope, seq);
create index device_model_by_name on device_model (tenant_id, search_text, id);
create index device_model_by_sku on device_model (tenant_id, sku);

create table device (
    tenant_id uuid not null,
    id uuid not null,
    seq bigint not null,
    scope text not null,
    stamps text not null,
    search_text text not null,
    serial text not null,
    name text not null,
    model_id uuid not null,
    site_id uuid,
    note text,
    state text not null check (state in ('planned', 'claimed', 'online', 'retired')),
    firmware text,
    epoch bigint not null,
    created_at bigint not null,
    primary key (tenant_id, id),
    unique (tenant_id, serial),
    foreign key (tenant_id, model_id) references device_model (tenant_id, id),
    foreign key (tenant_id, site_id) references site (tenant_id, id)
);

create unique index device_by_seq on device (tenant_id, scope, seq);
create index device_by_name on device (tenant_id, search_text, id);
create index device_by_site on device (tenant_id, site_id, search_text, id);
create index device_by_model on device (tenant_id, model_id, search_text, id);
create index device_by_state on device (tenant_id, state, search_text, id);

-- Evidence: insert-only. It points to device, site and person without foreign keys, so that it outlives them.
create table attempt (
    tenant_id uuid not null references tenant (tenant_id),
    id uuid not null,
    seq bigint not null,
    scope text not null,
    device_id uuid,
    serial text,
    site_id uuid,
    technician_id uuid not null,
    technician_name text not null,
    client_id uuid not null,
    app_version text not null,
    os text not null,
    radio text not null,
    protocol text,
    security text,
    firmware text,
    identity_verified boolean not null,
    rssi bigint,
    mtu bigint,
    steps text not null,
    grant_id uuid,
    receipt text,
    epoch bigint,
    network_name text,
    outcome text not null check (outcome in ('succeeded', 'failed', 'cancelled', 'interrupted')),
    cause text,
    started_at bigint not null,
    ended_at bigint not null,
    primary key (tenant_id, id)
);

create unique index attempt_by_seq on attempt (tenant_id, scope, seq);
create index attempt_by_time on attempt (tenant_id, started_at, id);
create index attempt_by_device on attempt (tenant_id, device_id, started_at, id);
create index attempt_by_site on attempt (tenant_id, site_id, started_at, id);
create index attempt_by_technician on attempt (tenant_id, technician_id, started_at, id);
create index attempt_by_grant on attempt (tenant_id, grant_id);

create function attempt_is_insert_only() returns trigger language plpgsql as $$
begin raise exception 'attempts are insert-only'; end $$;

create trigger attempt_is_never_changed before update or delete on attempt
for each row execute function attempt_is_insert_only();

create trigger attempt_is_never_truncated before truncate on attempt
for each statement execute function attempt_is_insert_only();

-- What is no longer in a scope: its key only.
create table tombstone (
    tenant_id uuid not null references tenant (tenant_id),
    scope text not null,
    table_name text not null,
    id uuid not null,
    seq bigint not null,
    why text not null check (why in ('deleted', 'left_scope')),
    primary key (tenant_id, scope, table_name, id)
);

create unique index tombstone_by_seq on tombstone (tenant_id, scope, seq);

-- How many rows a scope has and the digest over them, kept with every change. digest: 64 bits, as a signed integer.
create table sync_scope (
    tenant_id uuid not null references tenant (tenant_id),
    scope text not null,
    row_count bigint not null,
    digest bigint not null,
    primary key (tenant_id, scope)
);

-- epoch: changes when the tenant was restored from a backup. Without a row: epoch 1, nothing forgotten.
create table sync_state (
    tenant_id uuid not null primary key references tenant (tenant_id),
    epoch bigint not null,
    min_retained_seq bigint not null
);

-- A replica: one account in one installation of the app. last_n: the last number with a receipt.
create table sync_client (
    tenant_id uuid not null references tenant (tenant_id),
    id uuid not null,
    person_id uuid not null,
    last_n bigint not null,
    first_seen_at bigint not null,
    last_seen_at bigint not null,
    primary key (tenant_id, id)
);

-- What became of each intent. body: the intent itself, kept only when the server failed on it.
create table receipt (
    tenant_id uuid not null,
    client_id uuid not null,
    n bigint not null,
    intent_id uuid not null,
    seq bigint not null,
    outcome text not null,
    is_final boolean not null,
    body text,
    recorded_at bigint not null,
    primary key (tenant_id, client_id, n),
    foreign key (tenant_id, client_id) references sync_client (tenant_id, id)
);

create unique index receipt_by_intent on receipt (tenant_id, intent_id) where is_final;
