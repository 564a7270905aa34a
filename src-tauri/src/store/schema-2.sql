-- What version 2 adds: devices on the person's own list.

create table bookmark (
  id blob primary key,
  seq integer not null,
  person_id blob not null,
  device_id blob not null unique,
  note text,
  created_at integer not null
) strict, without rowid;
