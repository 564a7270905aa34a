-- In a visit that tries a device again: what is said at the attempt before goes on at which one.
create table goes_on (
  after blob primary key,
  attempt_id blob not null
) strict, without rowid;
