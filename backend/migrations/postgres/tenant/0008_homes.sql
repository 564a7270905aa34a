-- Where rows live, and who sees what. scope of a synced row: 'common', or 'site:' and the site's id in hex;
-- sync_scope keeps a checksum for each of them, and under 'tenant' that of all rows.

-- The owner, too, sees only the tenant that is set; what belongs to all is changed without that, and put back
-- when the tables are sealed after the last migration.
alter table site no force row level security;
alter table device_model no force row level security;
alter table device no force row level security;
alter table attempt no force row level security;
alter table tombstone no force row level security;
alter table sync_scope no force row level security;

drop index site_by_seq;
drop index device_model_by_seq;
drop index device_by_seq;
drop index attempt_by_seq;
drop index tombstone_by_seq;

update site set scope = 'site:' || replace(id::text, '-', '');
update device_model set scope = 'common';
update device set scope = case when site_id is null then 'common' else 'site:' || replace(site_id::text, '-', '') end;
alter table attempt disable trigger attempt_is_never_changed;
update attempt set scope = case when site_id is null then 'common' else 'site:' || replace(site_id::text, '-', '') end;
alter table attempt enable trigger attempt_is_never_changed;
update tombstone set scope = case when table_name = 'site' then 'site:' || replace(id::text, '-', '') else 'common' end;
-- Kept anew with the next change.
delete from sync_scope;

create unique index site_by_seq on site (tenant_id, seq);
create unique index device_model_by_seq on device_model (tenant_id, seq);
create unique index device_by_seq on device (tenant_id, seq);
create unique index attempt_by_seq on attempt (tenant_id, seq);
create unique index tombstone_by_seq on tombstone (tenant_id, seq);
-- When the row left; so long afterwards tombstones are kept (sync_state.min_retained_seq).
alter table tombstone add column at bigint not null default 0;
update tombstone set at = cast(extract(epoch from now()) as bigint) * 1000;

-- For the first pull of somebody who sees few sites.
create index device_by_home on device (tenant_id, scope, seq);
create index attempt_by_home on attempt (tenant_id, scope, seq);

-- sites: 'some' = what is common and those of person_site. sites_seq: the sequence that the last change of it took.
alter table person add column sites text not null default 'all' check (sites in ('all', 'some'));
alter table person add column sites_seq bigint not null default 0;

-- Of whoever accepts: null = everywhere, else a JSON list of ids.
alter table invitation add column sites text;

create table person_site (
    tenant_id uuid not null,
    person_id uuid not null,
    site_id uuid not null,
    primary key (tenant_id, person_id, site_id),
    foreign key (tenant_id, person_id) references person (tenant_id, id) on delete cascade,
    foreign key (tenant_id, site_id) references site (tenant_id, id) on delete cascade
);
