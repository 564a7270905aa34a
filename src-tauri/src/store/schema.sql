-- The replica of one account, version 1.

-- One value for each name: cursor, checksum, epoch, client, who the person is …
create table meta (
  name text primary key,
  value text not null
) strict, without rowid;

-- Synced rows as the person sees them: the server's, with pending intents applied.
-- `seq` is the server's sequence of the row's last change, 0 for a row that only this replica knows.
create table site (
  id blob primary key,
  seq integer not null,
  name text not null,
  folded text not null,
  address text,
  time_zone text not null,
  note text,
  created_at integer not null
) strict, without rowid;
create index site_by_name on site (folded, id);

create table model (
  id blob primary key,
  seq integer not null,
  name text not null,
  folded text not null,
  sku text not null,
  min_security text not null,
  created_at integer not null
) strict, without rowid;
create index model_by_name on model (folded, id);

create table device (
  id blob primary key,
  seq integer not null,
  serial text not null,
  name text not null,
  folded text not null,
  model_id blob not null,
  site_id blob,
  note text,
  state text not null,
  firmware text,
  epoch integer not null,
  created_at integer not null
) strict, without rowid;
create index device_by_name on device (folded, id);
create index device_by_site on device (site_id, folded, id);

create table attempt (
  id blob primary key,
  seq integer not null,
  device_id blob,
  site_id blob,
  technician_id blob not null,
  outcome text not null,
  started_at integer not null,
  whole text not null
) strict, without rowid;
create index attempt_by_time on attempt (started_at, id);
create index attempt_by_device on attempt (device_id, started_at, id);

-- Intents that the server has not answered yet, in order.
create table outbox (
  n integer primary key,
  intent_id blob not null unique,
  whole text not null
) strict;

-- How rows stood before pending intents touched them; null: there was none.
create table pre_image (
  entity text not null,
  id blob not null,
  whole text,
  primary key (entity, id)
) strict, without rowid;

-- Intents that the server refused, until the person decides.
create table attention (
  intent_id blob primary key,
  at integer not null,
  whole text not null
) strict, without rowid;

-- Permissions to claim devices offline. One is `free`, `taken` for one device at one site, or `spent`.
create table claim_grant (
  id blob primary key,
  not_after integer not null,
  signed blob not null,
  state text not null,
  serial text,
  site_id blob,
  nonce blob
) strict, without rowid;

-- Commissions that have begun and not been recorded as attempts, by the attempt's id.
create table commission (
  id blob primary key,
  whole text not null
) strict, without rowid;
