-- Work that its author may not send any more, for administrators to decide about (SYNC.md 1.4).

-- To the public half apps seal. The private half never leaves the server.
create table escrow_key (
    tenant_id uuid not null primary key references tenant (tenant_id),
    public_key bytea not null,
    private_key bytea not null,
    created_at bigint not null
);

-- The key that a replica showed first while its person was a member; another person's replica of the same name
-- has its own. It outlives the person: with it their tablet asks how they stand, perhaps after years.
create table replica_key (
    tenant_id uuid not null references tenant (tenant_id),
    client_id uuid not null,
    person_id uuid not null,
    public_key bytea not null,
    shown_at bigint not null,
    primary key (tenant_id, client_id, person_id)
);

-- Who was removed: their name and role then.
create table leaver (
    tenant_id uuid not null references tenant (tenant_id),
    person_id uuid not null,
    name text not null,
    role text not null,
    removed_at bigint not null,
    primary key (tenant_id, person_id)
);

-- One change. person_name, role: at the moment of receiving, or of leaving. made_at: corrected by the measured skew.
-- change: as its author sent it. verdict: null while nobody has decided.
create table escrow (
    tenant_id uuid not null references tenant (tenant_id),
    intent_id uuid not null,
    client_id uuid not null,
    person_id uuid not null,
    person_name text not null,
    role text not null,
    why text not null check (why in ('left', 'no_longer_permitted')),
    made_at bigint not null,
    received_at bigint not null,
    change text not null,
    verdict text check (verdict in ('accepted', 'rejected')),
    decided_at bigint,
    decided_by uuid,
    primary key (tenant_id, intent_id)
);

create index escrow_open on escrow (tenant_id, received_at, intent_id) where verdict is null;
create index escrow_by_age on escrow (tenant_id, received_at);
create index escrow_by_person on escrow (tenant_id, person_id);
