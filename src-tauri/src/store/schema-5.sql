-- What version 5 adds: since when the server has a file, or has refused it, by its own clock; null while it waits.
alter table attachment add column settled_at integer;
update attachment set settled_at = made_at where state <> 'waiting';
