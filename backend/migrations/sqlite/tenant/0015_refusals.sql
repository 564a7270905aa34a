-- What devices were refused when they claimed themselves, so that somebody sees it.

-- The last refusal of each; no row since it was let in. since: of those in a row. proven: 1 where the device itself has shown that it is it.
create table device_refusal (
    tenant_id blob not null,
    device_id blob not null,
    code text not null,
    -- What it showed.
    grant_id blob not null,
    at integer not null,
    since integer not null,
    proven integer not null,
    primary key (tenant_id, device_id),
    foreign key (tenant_id, device_id) references device (tenant_id, id)
) strict;

-- When somebody had the key forgotten: the credential is dead, and the next key that claims takes its place.
alter table device_binding add column key_forgotten_at integer;
