-- What version 3 adds: files that belong to attempts, on their way to the server, and releases of other
-- organizations, to carry to their devices.

-- What the flight recorder wrote so far of an attempt that is not recorded yet.
create table trace (
  attempt_id blob not null primary key,
  content blob not null
) strict;

-- A file is `waiting`, `sent`, or `refused` by the server. wifi_only: not while mobile data is saved.
-- not_before: the server had no room for it, and is left alone until then.
create table attachment (
  place integer primary key,
  attempt_id blob not null,
  sha256 blob not null,
  kind text not null,
  media_type text not null,
  state text not null,
  wifi_only integer not null,
  made_at integer not null,
  not_before integer not null,
  content blob not null,
  unique (attempt_id, sha256)
) strict;
create index attachment_by_state on attachment (state, made_at);

-- owner: the fingerprint of the claim key that signed it. entered: on this machine, so that no pack takes it away.
create table received_release (
  serial text not null,
  owner blob not null,
  letter blob not null,
  not_after integer not null,
  entered integer not null,
  primary key (serial, owner)
) strict, without rowid;
