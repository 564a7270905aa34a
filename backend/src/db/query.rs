//! One SQL text, run on whichever engine the transaction is on.

use sqlx::{
    AssertSqlSafe, FromRow, Sqlite, Transaction,
    postgres::PgRow,
    SqlStr,
    sqlite::SqliteRow,
};

use super::{DbError, Value, dialect, postgres::Tidings, transaction::PgTransaction, value};

/// A row that both engines can give: `#[derive(sqlx::FromRow)]`, or a tuple.
pub trait Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}
impl<T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin> Row for T {}

/// An open transaction on one of the two engines.
pub(super) enum Tx {
    /// A tenant's own file, or the control file.
    Sqlite(Transaction<'static, Sqlite>),
    /// The one database, with the tenant set for this transaction.
    Postgres(PgTransaction),
}

impl Tx {
    /// For the other processes, when this commits. On SQLite there is one that serves, and it looks by itself.
    pub(super) async fn leave_word(&mut self, tidings: &Tidings) -> Result<(), DbError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(tx) => tidings.leave(tx).await,
        }
    }

    pub(super) async fn commit(self) -> Result<(), DbError> {
        Ok(match self {
            Self::Sqlite(tx) => tx.commit().await,
            Self::Postgres(tx) => tx.commit().await,
        }?)
    }
}

/// How many rows a statement may take: few sizes, so that each is prepared once a connection.
const SIZES: [usize; 8] = [256, 128, 64, 32, 16, 4, 2, 1];
/// Most values of one statement on SQLite, the tenant in each row aside; it takes 32,766 at most.
const SQLITE_VALUES: usize = 16_384;
/// The protocol of PostgreSQL counts values in 16 bits.
const POSTGRES_VALUES: usize = 16_384;

impl Tx {
    /// Cuts `count` rows of `width` values into as few statements as pay.
    pub(super) fn portions(&self, mut count: usize, width: usize) -> Vec<usize> {
        let most = match self {
            Self::Sqlite(_) => SQLITE_VALUES,
            Self::Postgres(_) => POSTGRES_VALUES,
        };
        let mut portions = Vec::new();
        while count > 0 {
            let size = SIZES.into_iter().find(|size| *size <= count && size * width <= most).unwrap_or(1);
            portions.push(size);
            count -= size;
        }
        portions
    }
}

#[cfg(test)]
thread_local! {
    /// Statements made in this thread, for tests that say what something costs.
    pub static STATEMENTS: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

/// Parameters for as many values, the first of them `$first`: what stands in `in ({})`.
#[must_use]
pub fn placeholders(first: usize, count: usize) -> String {
    (first..first + count).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ")
}

/// A statement and its values; made by `Scope::query` and `Control::query`.
#[must_use = "a query does nothing until it is run"]
pub struct Query<'t> {
    tx: &'t mut Tx,
    sql: SqlStr,
    values: Vec<Value>,
}

macro_rules! run {
    ($query:expr, $sql:ident, $arguments:ident, $conn:ident => $body:expr) => {{
        let Query { tx, sql: $sql, values } = $query;
        Ok(match tx {
            Tx::Sqlite(tx) => {
                let (sql, values) = dialect::for_sqlite($sql.as_str(), &values);
                let $sql = AssertSqlSafe(sql);
                let $arguments = value::for_sqlite(values).map_err(sqlx::Error::Encode)?;
                let $conn = &mut **tx;
                $body
            }
            Tx::Postgres(tx) => {
                let $arguments = value::for_postgres(values).map_err(sqlx::Error::Encode)?;
                let $conn = &mut **tx;
                $body
            }
        }?)
    }};
}

impl<'t> Query<'t> {
    pub(super) fn new(tx: &'t mut Tx, sql: SqlStr, values: Vec<Value>) -> Self {
        #[cfg(feature = "seeded-leaks")]
        let sql = crate::leaks::broken(sql);
        #[cfg(test)]
        STATEMENTS.with(|count| count.set(count.get() + 1));
        Self { tx, sql, values }
    }

    /// Binds the next `$n`. In a tenant's scope `$1` is taken, so the first call binds `$2`.
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// The one row; [`DbError::NotFound`] without one.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn one<T: Row>(self) -> Result<T, DbError> {
        run!(self, sql, arguments, conn => sqlx::query_as_with(sql, arguments).fetch_one(conn).await)
    }

    /// The row, or none.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn optional<T: Row>(self) -> Result<Option<T>, DbError> {
        run!(self, sql, arguments, conn => sqlx::query_as_with(sql, arguments).fetch_optional(conn).await)
    }

    /// All rows.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn all<T: Row>(self) -> Result<Vec<T>, DbError> {
        run!(self, sql, arguments, conn => sqlx::query_as_with(sql, arguments).fetch_all(conn).await)
    }

    /// Runs it; how many rows it touched.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn execute(self) -> Result<u64, DbError> {
        run!(self, sql, arguments, conn => sqlx::query_with(sql, arguments).execute(conn).await.map(|done| done.rows_affected()))
    }
}
