-- What its author had read where they wrote words: null where they did not say.
alter table escrow add column read text;
