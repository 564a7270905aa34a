-- The end of a tenant's ownership, and what it tells its devices.

-- The latest release that the tenant signed for a device. letter: as it is given to another organization.
create table device_release (
    tenant_id uuid not null,
    device_id uuid not null,
    letter bytea not null,
    up_to_epoch bigint not null,
    made_at bigint not null,
    not_after bigint not null,
    person_id uuid not null,
    person_name text not null,
    withdrawn_at bigint,
    primary key (tenant_id, device_id),
    foreign key (tenant_id, device_id) references device (tenant_id, id)
);

-- Releases of other organizations, given to this one: its technicians carry them. owner: the fingerprint of a claim key.
create table received_release (
    tenant_id uuid not null references tenant (tenant_id),
    owner bytea not null,
    serial text not null,
    letter bytea not null,
    not_after bigint not null,
    person_id uuid not null,
    received_at bigint not null,
    primary key (tenant_id, serial, owner)
);

-- notice: the number of the last notice in the epoch in force. handed_over_at: the device said that it left; its credential is dead.
alter table device_binding add column notice bigint not null default 0;
alter table device_binding add column handed_over_at bigint;

-- Which claims were recorded and never shown by their device.
create index claim_grant_unspent on claim_grant (tenant_id, id) where spent_at is null;
