//! Facts about the seam.

mod guards;
mod postgres;
mod scope;
mod sqlite;
mod statements;
