//! Facts about tenants.
