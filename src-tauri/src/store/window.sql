-- The telemetry window of one account, version 1: a copy that can be fetched again.

-- An hour of a device, as the server packs it.
create table chunk (
  device_id blob not null,
  hour integer not null,
  content blob not null,
  primary key (device_id, hour)
) strict, without rowid;

-- rev: how much of the device is here; as_of: when the server last said that there is no more, 0 for never,
-- by its clock; viewed_at: when somebody last looked at it here.
create table device (
  id blob primary key,
  rev integer not null default 0,
  as_of integer not null default 0,
  viewed_at integer not null default 0
) strict, without rowid;
