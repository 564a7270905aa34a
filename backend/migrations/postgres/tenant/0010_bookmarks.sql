-- Devices on people's own lists: synchronized as everything is, and read by their owner only (scope: person:…).

create table bookmark (
    tenant_id uuid not null references tenant (tenant_id),
    id uuid not null,
    seq bigint not null,
    scope text not null,
    stamps text not null,
    person_id uuid not null,
    device_id uuid not null,
    note text,
    created_at bigint not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, device_id) references device (tenant_id, id)
);

create unique index bookmark_by_seq on bookmark (tenant_id, scope, seq);
create unique index bookmark_by_device on bookmark (tenant_id, person_id, device_id);

-- What is kept for administrators says of which schema it is: it may be read much later.
alter table escrow add column schema bigint not null default 1;
