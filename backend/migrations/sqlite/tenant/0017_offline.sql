-- So many days without a word from the server, and a device shows what it holds of the tenant no more.
alter table tenant add column offline_days integer not null default 14;
