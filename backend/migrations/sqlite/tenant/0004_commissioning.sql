-- The tenant's claim key, the grants it signed, which device is bound by which grant, and latest readings.

-- The private half never leaves the server.
create table claim_key (
    tenant_id blob not null primary key references tenant (tenant_id),
    public_key blob not null,
    private_key blob not null,
    created_at integer not null
) strict;

create table claim_grant (
    tenant_id blob not null references tenant (tenant_id),
    id blob not null,
    person_id blob not null,
    person_name text not null,
    client_id blob not null,
    signed blob not null,
    issued_at integer not null,
    not_after integer not null,
    revoked_at integer,
    spent_at integer,
    spent_key blob,
    device_id blob,
    primary key (tenant_id, id)
) strict;

create index claim_grant_by_client on claim_grant (tenant_id, client_id, person_id, not_after);

create table device_binding (
    tenant_id blob not null,
    device_id blob not null,
    public_key blob not null,
    hardware_id text not null,
    grant_id blob not null,
    epoch integer not null,
    resets integer not null,
    credential_hash blob not null,
    bound_at integer not null,
    last_seen_at integer not null,
    primary key (tenant_id, device_id),
    unique (tenant_id, credential_hash),
    foreign key (tenant_id, grant_id) references claim_grant (tenant_id, id)
) strict;

-- Only the latest value of each key; these never take a sequence. value is JSON.
create table device_reading (
    tenant_id blob not null,
    device_id blob not null,
    key text not null,
    value text not null,
    at integer not null,
    primary key (tenant_id, device_id, key),
    foreign key (tenant_id, device_id) references device_binding (tenant_id, device_id) on delete cascade
) strict;
