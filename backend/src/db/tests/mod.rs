//! Facts about the seam.

mod guards;
mod listening;
mod postgres;
mod scope;
mod sqlite;
mod statements;
