//! The SQL of grants, bindings and readings.

pub mod bindings;
pub mod grants;
pub mod keys;
pub mod presence;
pub mod refusals;
pub mod releases;
