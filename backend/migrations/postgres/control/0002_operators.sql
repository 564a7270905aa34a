-- Counted attempts on operators' accounts, known or not: subject is a hash of what was typed.
create table control_throttle (
    subject text not null primary key,
    failures bigint not null,
    last_at bigint not null
);

create index control_throttle_by_time on control_throttle (last_at);
