-- Sites under one name, and who works at the sites of which group. What a person limited to chosen sites sees:
-- those of person_site, and those of their groups as they are now.

create table site_group (
    tenant_id blob not null references tenant (tenant_id),
    id blob not null,
    name text not null,
    search_text text not null,
    -- Rises with each change, so that nobody overwrites what they have not seen.
    version integer not null,
    created_at integer not null,
    primary key (tenant_id, id),
    unique (tenant_id, search_text)
) strict;

create table site_group_site (
    tenant_id blob not null,
    group_id blob not null,
    site_id blob not null,
    primary key (tenant_id, group_id, site_id),
    foreign key (tenant_id, group_id) references site_group (tenant_id, id) on delete cascade,
    foreign key (tenant_id, site_id) references site (tenant_id, id) on delete cascade
) strict;

create table person_site_group (
    tenant_id blob not null,
    person_id blob not null,
    group_id blob not null,
    primary key (tenant_id, person_id, group_id),
    foreign key (tenant_id, person_id) references person (tenant_id, id) on delete cascade,
    foreign key (tenant_id, group_id) references site_group (tenant_id, id) on delete cascade
) strict;

create index site_group_site_by_site on site_group_site (tenant_id, site_id);
create index person_site_group_by_group on person_site_group (tenant_id, group_id);

-- Of whoever accepts: null = none, else a JSON list of ids.
alter table invitation add column site_groups text;
