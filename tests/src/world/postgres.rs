//! A database of its own for each world on PostgreSQL, with an app role as in production.

use std::env;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use uuid::Uuid;

use super::did_not_run;

/// A fresh database: owner's URL to migrate with, app role's URL to serve with.
#[derive(Clone)]
pub(super) struct Database {
    pub owner_url: String,
    pub app_url: String,
    pub app_role: String,
}

impl Database {
    /// `None` when this machine has no PostgreSQL for tests; under `CI=true` that fails.
    #[allow(clippy::disallowed_methods, reason = "where a test's PostgreSQL is comes from the environment")]
    pub async fn make() -> Option<Self> {
        let Ok(superuser) = env::var("OMNIOT_TEST_POSTGRES") else {
            did_not_run("on PostgreSQL", "OMNIOT_TEST_POSTGRES is not set (scripts/postgres sets it)");
            return None;
        };
        let name = format!("omniot_{}", Uuid::now_v7().simple());
        let mut connection = PgConnection::connect(&superuser).await.expect("the PostgreSQL of OMNIOT_TEST_POSTGRES answers");
        connection.execute(AssertSqlSafe(format!("create database {name}"))).await.expect("a superuser makes a database");
        connection.close().await.expect("the connection closes");
        let (server, _) = superuser.rsplit_once('/').expect("the URL names a database");
        let (scheme, address) = server.split_once("://").expect("the URL has a scheme");
        let address = address.rsplit_once('@').map_or(address, |(_, address)| address);
        let app_role = format!("{name}_app");
        Some(Self { owner_url: format!("{server}/{name}"), app_url: format!("{scheme}://{app_role}:app@{address}/{name}"), app_role })
    }
}
