-- What version 6 adds: boxes have their table from the start, and may hold files of attempts.
create table if not exists farewell (place integer primary key, intent_id blob not null unique, box blob not null) strict;
alter table farewell add column is_file integer not null default 0;
-- In which epoch of the server the administrators have it; null while it waits.
alter table farewell add column handed_in integer;
create index farewell_waiting on farewell (place) where handed_in is null;
