-- What devices were refused when they claimed themselves, so that somebody sees it.

-- The last refusal of each; no row since it was let in. since: of those in a row. proven: 1 where the device itself has shown that it is it.
create table device_refusal (
    tenant_id uuid not null,
    device_id uuid not null,
    code text not null,
    -- What it showed.
    grant_id uuid not null,
    at bigint not null,
    since bigint not null,
    proven bigint not null,
    primary key (tenant_id, device_id),
    foreign key (tenant_id, device_id) references device (tenant_id, id)
);

-- When somebody had the key forgotten: the credential is dead, and the next key that claims takes its place.
alter table device_binding add column key_forgotten_at bigint;
