-- Devices on people's own lists: synchronized as everything is, and read by their owner only (scope: person:…).

create table bookmark (
    tenant_id blob not null references tenant (tenant_id),
    id blob not null,
    seq integer not null,
    scope text not null,
    stamps text not null,
    person_id blob not null,
    device_id blob not null,
    note text,
    created_at integer not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, device_id) references device (tenant_id, id)
) strict;

create unique index bookmark_by_seq on bookmark (tenant_id, scope, seq);
create unique index bookmark_by_device on bookmark (tenant_id, person_id, device_id);

-- What is kept for administrators says of which schema it is: it may be read much later.
alter table escrow add column schema integer not null default 1;
