-- Which tenants this deployment serves, and who runs it. Nothing of a tenant's own data is here.

create table control_tenant (
    id blob not null primary key,
    name text not null unique,
    search_text text not null,
    display_name text not null,
    status text not null check (status in ('active', 'suspended')),
    template text not null,
    created_at integer not null
) strict;

create table control_operator (
    id blob not null primary key,
    email text not null unique,
    name text not null,
    password_hash text not null,
    created_at integer not null
) strict;

create table control_operator_session (
    token_hash blob not null primary key,
    id blob not null unique,
    operator_id blob not null references control_operator (id) on delete cascade,
    address text,
    created_at integer not null,
    last_used_at integer not null,
    expires_at integer not null
) strict;

create index control_operator_session_by_operator on control_operator_session (operator_id);
