-- What the server tells the command line, which runs beside it with the same store.

create table control_setting (
    key text not null primary key,
    value text not null
) strict;
