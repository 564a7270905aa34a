-- What a tenant wants checked at each installation; see omniot_shared::checklist. items: JSON, in order.
create table checklist (
    tenant_id uuid not null primary key references tenant (tenant_id),
    -- Rises with each change, so that nobody overwrites what they have not seen.
    version bigint not null,
    items text not null,
    updated_at bigint not null,
    updated_by uuid not null,
    updated_by_name text not null
);

-- What was answered is a file of the attempt.
alter table attachment drop constraint attachment_kind_check;
alter table attachment add constraint attachment_kind_check check (kind in ('trace', 'photo', 'checks'));
