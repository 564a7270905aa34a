-- Invitations, password resets, and how often somebody tried to sign in.

-- When a person was last seen in a session that has ended since; open sessions say it themselves.
alter table person add column last_seen_at bigint;

create index person_by_name on person (tenant_id, search_text, id);

-- Open while closed_at is null. invited_by: null when the platform invites. token_hash: SHA-256 of the link's token; the token itself is in the mail only.
create table invitation (
    tenant_id uuid not null references tenant (tenant_id),
    id uuid not null,
    token_hash bytea not null,
    email text not null,
    role text not null check (role in ('owner', 'admin', 'operator', 'viewer', 'technician')),
    invited_by uuid,
    inviter_name text not null,
    created_at bigint not null,
    expires_at bigint not null,
    closed_at bigint,
    closed_as text check (closed_as in ('accepted', 'withdrawn', 'expired')),
    primary key (tenant_id, id),
    unique (tenant_id, token_hash),
    check ((closed_at is null) = (closed_as is null))
);

-- One open invitation for an address.
create unique index invitation_open on invitation (tenant_id, email) where closed_at is null;
create index invitation_by_time on invitation (tenant_id, created_at, id);

create table password_reset (
    tenant_id uuid not null,
    id uuid not null,
    token_hash bytea not null,
    person_id uuid not null,
    created_at bigint not null,
    expires_at bigint not null,
    closed_at bigint,
    primary key (tenant_id, id),
    unique (tenant_id, token_hash),
    foreign key (tenant_id, person_id) references person (tenant_id, id) on delete cascade
);

create index password_reset_by_person on password_reset (tenant_id, person_id);

-- Counted attempts on one account, known or not: subject is 'sign_in:' or 'reset:' and a hash of the
-- address typed, so that what strangers type is not kept.
create table sign_in_throttle (
    tenant_id uuid not null references tenant (tenant_id),
    subject text not null,
    failures bigint not null,
    last_at bigint not null,
    primary key (tenant_id, subject)
);

create index sign_in_throttle_by_time on sign_in_throttle (tenant_id, last_at);
