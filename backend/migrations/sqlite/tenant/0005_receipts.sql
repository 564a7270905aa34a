-- An intent that was put off is found by its id, too: whatever depends on it waits with it.
create index receipt_put_off on receipt (tenant_id, intent_id) where not is_final;
