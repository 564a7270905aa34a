-- Counted attempts on operators' accounts, known or not: subject is a hash of what was typed.
create table control_throttle (
    subject text not null primary key,
    failures integer not null,
    last_at integer not null
) strict;

create index control_throttle_by_time on control_throttle (last_at);
