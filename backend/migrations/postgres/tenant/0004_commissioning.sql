-- The tenant's claim key, the grants it signed, which device is bound by which grant, and latest readings.

-- The private half never leaves the server.
create table claim_key (
    tenant_id uuid not null primary key references tenant (tenant_id),
    public_key bytea not null,
    private_key bytea not null,
    created_at bigint not null
);

create table claim_grant (
    tenant_id uuid not null references tenant (tenant_id),
    id uuid not null,
    person_id uuid not null,
    person_name text not null,
    client_id uuid not null,
    signed bytea not null,
    issued_at bigint not null,
    not_after bigint not null,
    revoked_at bigint,
    spent_at bigint,
    spent_key bytea,
    device_id uuid,
    primary key (tenant_id, id)
);

create index claim_grant_by_client on claim_grant (tenant_id, client_id, person_id, not_after);

create table device_binding (
    tenant_id uuid not null,
    device_id uuid not null,
    public_key bytea not null,
    hardware_id text not null,
    grant_id uuid not null,
    epoch bigint not null,
    resets bigint not null,
    credential_hash bytea not null,
    bound_at bigint not null,
    last_seen_at bigint not null,
    primary key (tenant_id, device_id),
    unique (tenant_id, credential_hash),
    foreign key (tenant_id, grant_id) references claim_grant (tenant_id, id)
);

-- Only the latest value of each key; these never take a sequence. value is JSON.
create table device_reading (
    tenant_id uuid not null,
    device_id uuid not null,
    key text not null,
    value text not null,
    at bigint not null,
    primary key (tenant_id, device_id, key),
    foreign key (tenant_id, device_id) references device_binding (tenant_id, device_id) on delete cascade
);
