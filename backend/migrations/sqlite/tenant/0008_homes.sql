-- Where rows live, and who sees what. scope of a synced row: 'common', or 'site:' and the site's id in hex;
-- sync_scope keeps a checksum for each of them, and under 'tenant' that of all rows.

drop index site_by_seq;
drop index device_model_by_seq;
drop index device_by_seq;
drop index attempt_by_seq;
drop index tombstone_by_seq;
drop trigger attempt_is_never_changed;

update site set scope = 'site:' || lower(hex(id));
update device_model set scope = 'common';
update device set scope = case when site_id is null then 'common' else 'site:' || lower(hex(site_id)) end;
update attempt set scope = case when site_id is null then 'common' else 'site:' || lower(hex(site_id)) end;
update tombstone set scope = case when table_name = 'site' then 'site:' || lower(hex(id)) else 'common' end;
-- Kept anew with the next change.
delete from sync_scope;

create trigger attempt_is_never_changed before update on attempt
begin select raise(abort, 'attempts are insert-only'); end;

create unique index site_by_seq on site (tenant_id, seq);
create unique index device_model_by_seq on device_model (tenant_id, seq);
create unique index device_by_seq on device (tenant_id, seq);
create unique index attempt_by_seq on attempt (tenant_id, seq);
create unique index tombstone_by_seq on tombstone (tenant_id, seq);
-- When the row left; so long afterwards tombstones are kept (sync_state.min_retained_seq).
alter table tombstone add column at integer not null default 0;
update tombstone set at = cast(strftime('%s', 'now') as integer) * 1000;

-- For the first pull of somebody who sees few sites.
create index device_by_home on device (tenant_id, scope, seq);
create index attempt_by_home on attempt (tenant_id, scope, seq);

-- sites: 'some' = what is common and those of person_site. sites_seq: the sequence that the last change of it took.
alter table person add column sites text not null default 'all' check (sites in ('all', 'some'));
alter table person add column sites_seq integer not null default 0;

-- Of whoever accepts: null = everywhere, else a JSON list of ids.
alter table invitation add column sites text;

create table person_site (
    tenant_id blob not null,
    person_id blob not null,
    site_id blob not null,
    primary key (tenant_id, person_id, site_id),
    foreign key (tenant_id, person_id) references person (tenant_id, id) on delete cascade,
    foreign key (tenant_id, site_id) references site (tenant_id, id) on delete cascade
) strict;
