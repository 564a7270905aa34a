//! All rows of a tenant, read behind every guard: what an attack must not have changed.

use std::collections::BTreeMap;

use omniot_backend::testing::Tenant;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

/// The text of each table's rows of one tenant.
pub type Rows = BTreeMap<String, String>;

/// All rows of `tenant`, whoever may see them.
///
/// # Panics
/// When the store cannot be read.
pub async fn db_rows(tenant: &Tenant) -> Rows {
    let url = tenant.app.db_url(tenant.id);
    if url.starts_with("sqlite") { sqlite(&url, tenant).await } else { postgres(&url, tenant).await }
}

/// The tables that are not the same any more.
#[must_use]
pub fn changed(before: &Rows, after: &Rows) -> Vec<String> {
    before.iter().filter(|(table, rows)| after.get(*table) != Some(rows)).map(|(table, _)| table.clone()).collect()
}

async fn sqlite(url: &str, tenant: &Tenant) -> Rows {
    let mut store = SqliteConnection::connect(url).await.expect("the store opens");
    let columns: Vec<(String, String)> = sqlx::query_as(
        "select m.name, group_concat('quote(\"' || c.name || '\")', '||'',''||') from sqlite_master m join pragma_table_info(m.name) c
         where m.type = 'table' and exists (select 1 from pragma_table_info(m.name) t where t.name = 'tenant_id') group by m.name",
    ).fetch_all(&mut store).await.expect("the catalog");
    let mut rows = Rows::new();
    for (table, columns) in columns {
        let sql = format!("select coalesce(group_concat(line, ';'), '') from (select {columns} as line from \"{table}\" where tenant_id = x'{}' order by 1)", tenant.id.0.simple());
        let (text,): (String,) = sqlx::query_as(AssertSqlSafe(sql)).fetch_one(&mut store).await.expect("the rows");
        rows.insert(table, text);
    }
    rows
}

async fn postgres(url: &str, tenant: &Tenant) -> Rows {
    let mut store = PgConnection::connect(url).await.expect("the database opens");
    let tables: Vec<(String,)> = sqlx::query_as("select table_name::text from information_schema.columns where table_schema = 'public' and column_name = 'tenant_id'").fetch_all(&mut store).await.expect("the catalog");
    let mut rows = Rows::new();
    for (table,) in tables {
        let sql = format!("select coalesce(string_agg(r::text, ';' order by r::text), '') from \"{table}\" r where r.tenant_id = '{}'", tenant.id.0);
        let (text,): (String,) = sqlx::query_as(AssertSqlSafe(sql)).fetch_one(&mut store).await.expect("the rows");
        rows.insert(table, text);
    }
    rows
}
