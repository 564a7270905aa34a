//! Whose fault a failure of the store is: an intent's own, or that of the moment.
//!
//! Deliberately not here: what follows from it (`push` quarantines the one, and gives the whole
//! push up on the other, so that it is sent again when the store is well).

use sqlx::error::{DatabaseError, ErrorKind};

use crate::db::DbError;

/// Whether the store fails on this intent, today and tomorrow: a broken rule, or a value that it
/// cannot hold or read. Everything else (a full disk, a broken line, a statement that was
/// cancelled, a kind nobody has met yet) passes, and nobody's work is set aside for it.
pub fn is_the_intents(error: &DbError) -> bool {
    match error {
        DbError::Unique { .. } | DbError::Reference { .. } => true,
        DbError::Other(sqlx::Error::Database(said)) => breaks_a_rule(said.as_ref()),
        DbError::Other(sqlx::Error::Encode(_) | sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. }) => true,
        _ => false,
    }
}

fn breaks_a_rule(said: &dyn DatabaseError) -> bool {
    matches!(said.kind(), ErrorKind::CheckViolation | ErrorKind::NotNullViolation) || cannot_be_held(said)
}

/// A value that is too big or of the wrong kind. SQLite: TOOBIG, MISMATCH, a STRICT table's
/// CONSTRAINT_DATATYPE. PostgreSQL: class 22, data exceptions.
fn cannot_be_held(said: &dyn DatabaseError) -> bool {
    let code = said.code().unwrap_or_default();
    match said.try_downcast_ref::<sqlx::sqlite::SqliteError>() {
        Some(_) => matches!(&*code, "18" | "20" | "3091"),
        None => code.len() == 5 && code.starts_with("22"),
    }
}
