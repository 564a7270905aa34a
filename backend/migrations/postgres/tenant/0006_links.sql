-- about: the invitation or password reset whose link the letter carries. The token stands in `link` alone,
-- and that is emptied when the link can no longer be used.
alter table mail add column about uuid;

create index mail_with_link on mail (tenant_id, id) where link is not null;
create index mail_by_time on mail (tenant_id, created_at);

-- The address, folded: what a search looks at.
alter table invitation add column search_text text;
