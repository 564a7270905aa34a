-- What a tenant wants checked at each installation; see omniot_shared::checklist. items: JSON, in order.
create table checklist (
    tenant_id blob not null primary key references tenant (tenant_id),
    -- Rises with each change, so that nobody overwrites what they have not seen.
    version integer not null,
    items text not null,
    updated_at integer not null,
    updated_by blob not null,
    updated_by_name text not null
) strict;

-- What was answered is a file of the attempt. A check cannot be changed here, so the table is made anew; nothing refers to it.
create table attachment_anew (
    tenant_id blob not null,
    attempt_id blob not null,
    sha256 blob not null,
    kind text not null check (kind in ('trace', 'photo', 'checks')),
    media_type text not null,
    size integer not null,
    added_by blob not null,
    added_at integer not null,
    content blob not null,
    primary key (tenant_id, attempt_id, sha256),
    foreign key (tenant_id, attempt_id) references attempt (tenant_id, id) on delete cascade
) strict;
insert into attachment_anew (tenant_id, attempt_id, sha256, kind, media_type, size, added_by, added_at, content)
select tenant_id, attempt_id, sha256, kind, media_type, size, added_by, added_at, content from attachment;
drop table attachment;
alter table attachment_anew rename to attachment;
