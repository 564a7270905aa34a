-- Files that belong to attempts, immutable, by the SHA-256 of their bytes; see omniot_shared::attachment.
create table attachment (
    tenant_id uuid not null,
    attempt_id uuid not null,
    sha256 bytea not null,
    kind text not null check (kind in ('trace', 'photo')),
    media_type text not null,
    size bigint not null,
    added_by uuid not null,
    added_at bigint not null,
    content bytea not null,
    primary key (tenant_id, attempt_id, sha256),
    foreign key (tenant_id, attempt_id) references attempt (tenant_id, id) on delete cascade
);

-- How many bytes of them there are, for the tenant's quota.
create table attachment_meter (
    tenant_id uuid not null primary key references tenant (tenant_id),
    bytes bigint not null
);
