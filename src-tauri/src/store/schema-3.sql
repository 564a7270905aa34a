-- What version 3 adds: releases of other organizations, to carry to their devices.

-- owner: the fingerprint of the claim key that signed it. entered: on this machine, so that no pack takes it away.
create table received_release (
  serial text not null,
  owner blob not null,
  letter blob not null,
  not_after integer not null,
  entered integer not null,
  primary key (serial, owner)
) strict, without rowid;
