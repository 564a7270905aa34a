-- Files that belong to attempts, immutable, by the SHA-256 of their bytes; see omniot_shared::attachment.
create table attachment (
    tenant_id blob not null,
    attempt_id blob not null,
    sha256 blob not null,
    kind text not null check (kind in ('trace', 'photo')),
    media_type text not null,
    size integer not null,
    added_by blob not null,
    added_at integer not null,
    content blob not null,
    primary key (tenant_id, attempt_id, sha256),
    foreign key (tenant_id, attempt_id) references attempt (tenant_id, id) on delete cascade
) strict;

-- How many bytes of them there are, for the tenant's quota.
create table attachment_meter (
    tenant_id blob not null primary key references tenant (tenant_id),
    bytes integer not null
) strict;
