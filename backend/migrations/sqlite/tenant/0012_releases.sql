-- The end of a tenant's ownership, and what it tells its devices.

-- The latest release that the tenant signed for a device. letter: as it is given to another organization.
create table device_release (
    tenant_id blob not null,
    device_id blob not null,
    letter blob not null,
    up_to_epoch integer not null,
    made_at integer not null,
    not_after integer not null,
    person_id blob not null,
    person_name text not null,
    withdrawn_at integer,
    primary key (tenant_id, device_id),
    foreign key (tenant_id, device_id) references device (tenant_id, id)
) strict;

-- Releases of other organizations, given to this one: its technicians carry them. owner: the fingerprint of a claim key.
create table received_release (
    tenant_id blob not null references tenant (tenant_id),
    owner blob not null,
    serial text not null,
    letter blob not null,
    not_after integer not null,
    person_id blob not null,
    received_at integer not null,
    primary key (tenant_id, serial, owner)
) strict;

-- notice: the number of the last notice in the epoch in force. handed_over_at: the device said that it left; its credential is dead.
alter table device_binding add column notice integer not null default 0;
alter table device_binding add column handed_over_at integer;

-- Which claims were recorded and never shown by their device.
create index claim_grant_unspent on claim_grant (tenant_id, id) where spent_at is null;
