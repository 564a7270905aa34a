//! The commissioning engine: steps, each with its own deadline, recorded and durable.
//!
//! Deliberately not here: bytes of protocols (`esp`), carriers (`radio`), the store ([`desk`]).
//! To add a step: its name, its deadline, its causes, its work beside the others.

pub mod causes;
pub mod desk;
pub mod step;
