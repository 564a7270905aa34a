-- Which tenants this deployment serves, and who runs it. Nothing of a tenant's own data is here.

create table control_tenant (
    id uuid not null primary key,
    name text not null unique,
    search_text text not null,
    display_name text not null,
    status text not null check (status in ('active', 'suspended')),
    template text not null,
    created_at bigint not null
);

create table control_operator (
    id uuid not null primary key,
    email text not null unique,
    name text not null,
    password_hash text not null,
    created_at bigint not null
);

create table control_operator_session (
    token_hash bytea not null primary key,
    id uuid not null unique,
    operator_id uuid not null references control_operator (id) on delete cascade,
    address text,
    created_at bigint not null,
    last_used_at bigint not null,
    expires_at bigint not null
);

create index control_operator_session_by_operator on control_operator_session (operator_id);
