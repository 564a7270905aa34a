-- Sites, device models, devices and attempts: the synced entities; and what synchronization keeps about them.
-- Every synced row has: seq, the number of its last change; scope, the set it is read in; where several may
-- edit it, stamps (who changed which field when, JSON) and search_text (folded, begins with the name).

create table site (
    tenant_id blob not null references tenant (tenant_id),
    id blob not null,
    seq integer not null,
    scope text not null,
    stamps text not null,
    search_text text not null,
    name text not null,
    address text,
    time_zone text not null,
    note text,
    created_at integer not null,
    primary key (tenant_id, id)
) strict;

create unique index site_by_seq on site (tenant_id, scope, seq);
create index site_by_name on site (tenant_id, search_text, id);

create table device_model (
    tenant_id blob not null references tenant (tenant_id),
    id blob not null,
    seq integer not null,
    scope text not null,
    stamps text not null,
    search_text text not null,
    name text not null,
    sku text not null,
    min_security text not null check (min_security in ('sec0', 'sec1', 'sec2_patch0', 'sec2_patch1')),
    created_at integer not null,
    primary key (tenant_id, id)
) strict;

create unique index device_model_by_seq on device_model (tenant_id, scope, seq);
create index device_model_by_name on device_model (tenant_id, search_text, id);
create index device_model_by_sku on device_model (tenant_id, sku);

create table device (
    tenant_id blob not null,
    id blob not null,
    seq integer not null,
    scope text not null,
    stamps text not null,
    search_text text not null,
    serial text not null,
    name text not null,
    model_id blob not null,
    site_id blob,
    note text,
    state text not null check (state in ('planned', 'claimed', 'online', 'retired')),
    firmware text,
    epoch integer not null,
    created_at integer not null,
    primary key (tenant_id, id),
    unique (tenant_id, serial),
    foreign key (tenant_id, model_id) references device_model (tenant_id, id),
    foreign key (tenant_id, site_id) references site (tenant_id, id)
) strict;

create unique index device_by_seq on device (tenant_id, scope, seq);
create index device_by_name on device (tenant_id, search_text, id);
create index device_by_site on device (tenant_id, site_id, search_text, id);
create index device_by_model on device (tenant_id, model_id, search_text, id);
create index device_by_state on device (tenant_id, state, search_text, id);

-- Evidence: insert-only. It points to device, site and person without foreign keys, so that it outlives them.
create table attempt (
    tenant_id blob not null references tenant (tenant_id),
    id blob not null,
    seq integer not null,
    scope text not null,
    device_id blob,
    serial text,
    site_id blob,
    technician_id blob not null,
    technician_name text not null,
    client_id blob not null,
    app_version text not null,
    os text not null,
    radio text not null,
    protocol text,
    security text,
    firmware text,
    identity_verified integer not null,
    rssi integer,
    mtu integer,
    steps text not null,
    grant_id blob,
    receipt text,
    epoch integer,
    network_name text,
    outcome text not null check (outcome in ('succeeded', 'failed', 'cancelled', 'interrupted')),
    cause text,
    started_at integer not null,
    ended_at integer not null,
    primary key (tenant_id, id)
) strict;

create unique index attempt_by_seq on attempt (tenant_id, scope, seq);
create index attempt_by_time on attempt (tenant_id, started_at, id);
create index attempt_by_device on attempt (tenant_id, device_id, started_at, id);
create index attempt_by_site on attempt (tenant_id, site_id, started_at, id);
create index attempt_by_technician on attempt (tenant_id, technician_id, started_at, id);
create index attempt_by_grant on attempt (tenant_id, grant_id);

create trigger attempt_is_never_deleted before delete on attempt
begin select raise(abort, 'attempts are insert-only'); end;

create trigger attempt_is_never_changed before update on attempt
begin select raise(abort, 'attempts are insert-only'); end;

-- What is no longer in a scope: its key only.
create table tombstone (
    tenant_id blob not null references tenant (tenant_id),
    scope text not null,
    table_name text not null,
    id blob not null,
    seq integer not null,
    why text not null check (why in ('deleted', 'left_scope')),
    primary key (tenant_id, scope, table_name, id)
) strict;

create unique index tombstone_by_seq on tombstone (tenant_id, scope, seq);

-- How many rows a scope has and the digest over them, kept with every change. digest: 64 bits, as a signed integer.
create table sync_scope (
    tenant_id blob not null references tenant (tenant_id),
    scope text not null,
    row_count integer not null,
    digest integer not null,
    primary key (tenant_id, scope)
) strict;

-- epoch: changes when the tenant was restored from a backup. Without a row: epoch 1, nothing forgotten.
create table sync_state (
    tenant_id blob not null primary key references tenant (tenant_id),
    epoch integer not null,
    min_retained_seq integer not null
) strict;

-- A replica: one account in one installation of the app. last_n: the last number with a receipt.
create table sync_client (
    tenant_id blob not null references tenant (tenant_id),
    id blob not null,
    person_id blob not null,
    last_n integer not null,
    first_seen_at integer not null,
    last_seen_at integer not null,
    primary key (tenant_id, id)
) strict;

-- What became of each intent. body: the intent itself, kept only when the server failed on it.
create table receipt (
    tenant_id blob not null,
    client_id blob not null,
    n integer not null,
    intent_id blob not null,
    seq integer not null,
    outcome text not null,
    is_final integer not null,
    body text,
    recorded_at integer not null,
    primary key (tenant_id, client_id, n),
    foreign key (tenant_id, client_id) references sync_client (tenant_id, id)
) strict;

create unique index receipt_by_intent on receipt (tenant_id, intent_id) where is_final;
