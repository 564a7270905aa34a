//! The checksums that are kept beside the rows: of all that are shared, and of those of each home.
//!
//! They add up, so what one person sees is the sum of its homes. Where none are kept (a store of before
//! there were homes) they are those of the rows, and the first change keeps them.

use std::collections::HashMap;

use omniot_shared::sync::{Checksum, RowKey, Seq, Sight, Table, rows::Scope as SyncScope};
use sqlx::AssertSqlSafe;

use super::{Own, View, narrow, placeholders, since};
use crate::db::{DbError, Scope};

/// How many rows are read at once to be summed.
const SUMMED_AT_ONCE: u32 = 1_000;

/// Checksums on their way from and to the store.
#[derive(Debug, Default)]
pub struct Sums(HashMap<SyncScope, Checksum>);

impl Sums {
    /// That of all rows that are shared, and those of these homes.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn load(scope: &mut Scope, homes: impl IntoIterator<Item = SyncScope>) -> Result<Self, DbError> {
        let mut wanted: HashMap<String, SyncScope> = homes.into_iter().chain([SyncScope::Tenant]).map(|home| (home.name(), home)).collect();
        let names: Vec<String> = wanted.keys().cloned().collect();
        let mut kept = HashMap::with_capacity(names.len());
        for part in scope.portions(&names, 1) {
            let sql = format!("select scope, row_count, digest from sync_scope where tenant_id = $1 and scope in ({})", placeholders(2, part.len()));
            let query = part.iter().fold(scope.query(AssertSqlSafe(sql)), |query, name| query.bind(name));
            for (name, count, digest) in query.all::<(String, i64, i64)>().await? {
                if let Some(of) = wanted.remove(&name) {
                    kept.insert(of, Checksum { count: narrow(count)?, sum: digest.cast_unsigned() });
                }
            }
        }
        if kept.contains_key(&SyncScope::Tenant) { Ok(Self(kept)) } else { Self::of_rows(scope).await }
    }

    /// What they ought to be, by reading every row.
    async fn of_rows(scope: &mut Scope) -> Result<Self, DbError> {
        let mut sums = Self(HashMap::from([(SyncScope::Tenant, Checksum::default())]));
        let view = View { sight: Sight::All, own: Own::Everybodys };
        for table in Table::ALL {
            let mut after = Seq(0);
            loop {
                let rows = since(scope, table, &view, after, Seq(i64::MAX), SUMMED_AT_ONCE).await?;
                let Some(last) = rows.last() else { break };
                after = last.seq;
                rows.iter().for_each(|row| sums.add(row.row.home(), row.row.key(), row.seq));
            }
        }
        Ok(sums)
    }

    /// A row is in `home` now.
    pub fn add(&mut self, home: SyncScope, key: RowKey, seq: Seq) {
        for of in counted_in(home) {
            self.0.entry(of).or_default().add(key, seq);
        }
    }

    /// A row that was in `home` under that sequence is not any more.
    pub fn remove(&mut self, home: SyncScope, key: RowKey, seq: Seq) {
        for of in counted_in(home) {
            self.0.entry(of).or_default().remove(key, seq);
        }
    }

    /// Keeps them.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn save(self, scope: &mut Scope) -> Result<(), DbError> {
        let all: Vec<(SyncScope, Checksum)> = self.0.into_iter().collect();
        for part in scope.portions(&all, 3) {
            let rows: Vec<String> = (0..part.len()).map(|row| format!("($1, {})", placeholders(2 + row * 3, 3))).collect();
            let sql = format!(
                "insert into sync_scope (tenant_id, scope, row_count, digest) values {}
                 on conflict (tenant_id, scope) do update set row_count = excluded.row_count, digest = excluded.digest",
                rows.join(", ")
            );
            let mut query = scope.query(AssertSqlSafe(sql));
            for (of, sum) in part {
                query = query.bind(of.name()).bind(sum.count.cast_signed()).bind(sum.sum.cast_signed());
            }
            query.execute().await?;
        }
        Ok(())
    }

    /// That of all rows that are shared.
    #[must_use]
    pub fn whole(&self) -> Checksum {
        self.0.get(&SyncScope::Tenant).copied().unwrap_or_default()
    }

    fn seen(&self, sight: &Sight) -> Checksum {
        let mut total = Checksum::default();
        sight.scopes().iter().filter_map(|home| self.0.get(home)).for_each(|sum| total.join(*sum));
        total
    }
}

/// Under which names a row of that home is counted.
fn counted_in(home: SyncScope) -> impl Iterator<Item = SyncScope> {
    let shared = (!matches!(home, SyncScope::Person(_))).then_some(SyncScope::Tenant);
    shared.into_iter().chain([home])
}

/// Count and digest over what is shown of the shared rows, and over one's own, where any may be.
///
/// # Errors
/// Whatever the store says.
pub async fn checksums(scope: &mut Scope, view: &View) -> Result<(Checksum, Option<Checksum>), DbError> {
    let own = view.own_home();
    let sums = Sums::load(scope, view.sight.scopes().into_iter().chain(own)).await?;
    Ok((sums.seen(&view.sight), own.map(|own| sums.0.get(&own).copied().unwrap_or_default())))
}

/// Count and digest over the shared rows in sight.
///
/// # Errors
/// Whatever the store says.
pub async fn checksum(scope: &mut Scope, sight: &Sight) -> Result<Checksum, DbError> {
    Ok(Sums::load(scope, sight.scopes()).await?.seen(sight))
}

/// Whether every checksum that is kept is the checksum of the rows, by reading all of them: for
/// tests and for `omniot` checks, not for requests.
///
/// # Errors
/// Whatever the store says.
pub async fn tables_agree(scope: &mut Scope) -> Result<bool, DbError> {
    let real = Sums::of_rows(scope).await?;
    let kept: Vec<(String, i64, i64)> = scope.query("select scope, row_count, digest from sync_scope where tenant_id = $1").all().await?;
    let mut real: HashMap<String, Checksum> = real.0.into_iter().map(|(of, sum)| (of.name(), sum)).collect();
    // A home from which everything has gone is kept as nothing.
    let fits = kept.into_iter().all(|(name, count, digest)| real.remove(&name).unwrap_or_default() == Checksum { count: count.cast_unsigned(), sum: digest.cast_unsigned() });
    Ok(fits && real.values().all(|sum| *sum == Checksum::default()))
}
