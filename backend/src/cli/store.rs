//! The SQL of the command line: what the server leaves for it, and who else is here.

use crate::db::{Control, DbError};

const KEEP_PUBLIC_URL: &str = "
    insert into control_setting (key, value) values ('public_url', $1)
    on conflict (key) do update set value = excluded.value";
const PUBLIC_URL: &str = "select value from control_setting where key = 'public_url'";
const OTHER_OPERATORS: &str = "select count(*) from control_operator where email <> $1";

/// Leaves the address at which people reach the server.
pub(super) async fn keep_public_url(control: &mut Control, url: &str) -> Result<(), DbError> {
    control.query(KEEP_PUBLIC_URL).bind(url).execute().await.map(drop)
}

/// The address at which people reach the server, once it has served.
pub(super) async fn public_url(control: &mut Control) -> Result<Option<String>, DbError> {
    Ok(control.query(PUBLIC_URL).optional::<(String,)>().await?.map(|(url,)| url))
}

/// How many operators there are beside this one.
pub(super) async fn other_operators(control: &mut Control, email: &str) -> Result<i64, DbError> {
    control.query(OTHER_OPERATORS).bind(email).one::<(i64,)>().await.map(|(count,)| count)
}
