-- What version 4 adds: the organization's checklist, and what is needed to keep what was answered to it.

-- The checklist as it was last fetched: one row, or none.
create table checklist (
  only integer primary key check (only = 1),
  version integer not null,
  items text not null,
  updated_at integer,
  updated_by text,
  fetched_at integer not null
) strict;

-- Of a photo that the server has the bytes may go; how many they were stays. Over which network files go is looked at when they do.
alter table attachment add column size integer not null default 0;
update attachment set size = octet_length(content);
alter table attachment drop column wifi_only;
-- Whether a file was on its way to the server: it may have arrived, whatever was heard of it.
alter table attachment add column tried integer not null default 0;
