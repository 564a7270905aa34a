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
  search_text text not null,
  address text,
  time_zone text not null,
  note text,
  created_at integer not null
) strict, without rowid;
create index site_by_name on site (search_text, id);

create table model (
  id blob primary key,
  seq integer not null,
  name text not null,
  search_text text not null,
  sku text not null,
  min_security text not null,
  created_at integer not null
) strict, without rowid;
create index model_by_name on model (search_text, id);

create table device (
  id blob primary key,
  seq integer not null,
  serial text not null,
  name text not null,
  search_text text not null,
  model_id blob not null,
  site_id blob,
  note text,
  state text not null,
  firmware text,
  epoch integer not null,
  created_at integer not null
) strict, without rowid;
create index device_by_name on device (search_text, id);
create index device_by_site on device (site_id, search_text, id);

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

-- Intents by their place in the order of recording, whatever has become of them (see `client::State`).
create table outbox (
  place integer primary key,
  id blob not null unique,
  n integer not null,
  state text not null,
  done_at integer,
  whole text not null
) strict;
create index outbox_by_state on outbox (state, n);

-- The server's rows under optimistic ones; null: there is none.
create table pre_image (
  entity text not null,
  id blob not null,
  whole text,
  primary key (entity, id)
) strict, without rowid;

-- What was received towards the next checkpoint, in order.
create table staged (
  place integer primary key,
  whole text not null
) strict;

-- Permissions to claim devices offline. One is `free`, `taken` for one device at one site, `sent` to it, or `spent`.
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
