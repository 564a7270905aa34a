-- What devices measured, an hour of a device in one row. These never take a sequence.
-- hour: when it began; rev: rises with each change of any hour of the device; content: see omniot_shared::telemetry.
create table telemetry_chunk (
    tenant_id uuid not null,
    device_id uuid not null,
    hour bigint not null,
    rev bigint not null,
    content bytea not null,
    primary key (tenant_id, device_id, hour),
    foreign key (tenant_id, device_id) references device_binding (tenant_id, device_id) on delete cascade
);

create index telemetry_chunk_by_rev on telemetry_chunk (tenant_id, device_id, rev);
create index telemetry_chunk_by_hour on telemetry_chunk (tenant_id, hour);
