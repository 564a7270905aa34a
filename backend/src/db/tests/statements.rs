//! Every statement in the sources prepares on both engines and names its tenant.
//!
//! Nothing has to be registered: the sources are read, and each text that begins like SQL counts.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqlSafeStr as _, SqliteConnection};

use super::{super::dialect::for_sqlite, guards::{is_test, sources}};
use crate::testing::{db_drop, db_postgres_migrated, postgres_url};

/// A statement and where it stands.
struct Statement {
    place: String,
    sql: String,
}

/// The string literals of a Rust source, unescaped; comments are passed over.
fn literals(source: &str) -> Vec<String> {
    let (mut found, chars) = (Vec::new(), source.chars().collect::<Vec<_>>());
    let mut i = 0;
    while i < chars.len() {
        match chars[i] {
            '/' if chars.get(i + 1) == Some(&'/') => while i < chars.len() && chars[i] != '\n' { i += 1 },
            '\'' => i += if chars.get(i + 1) == Some(&'\\') { 3 } else if chars.get(i + 2) == Some(&'\'') { 2 } else { 0 },
            '"' => {
                let raw = i > 0 && (chars[i - 1] == 'r' || chars[i - 1] == '#');
                let mut text = String::new();
                i += 1;
                while i < chars.len() && chars[i] != '"' {
                    if chars[i] == '\\' && !raw {
                        i += 1;
                        match chars.get(i) {
                            Some('n') => text.push('\n'),
                            Some('\n') => while chars.get(i + 1).is_some_and(|c| c.is_whitespace()) { i += 1 },
                            Some(c) => text.push(*c),
                            None => {}
                        }
                    } else {
                        text.push(chars[i]);
                    }
                    i += 1;
                }
                found.push(text);
            }
            _ => {}
        }
        i += 1;
    }
    found
}

fn is_sql(text: &str) -> bool {
    let start = text.trim_start();
    let begins = ["select ", "insert into ", "update ", "delete from ", "with "].iter().any(|word| start.starts_with(word));
    begins && (start.contains(" from ") || start.contains("\n") || start.contains(" set ") || start.contains("values") || start.contains('$'))
}

/// A statement for one row, where the source writes one for as many as there are:
/// `values {}` becomes a row of parameters, `in ({})` one of them.
fn for_one(sql: &str) -> String {
    let columns = sql.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map_or(0, |(list, _)| list.split(',').count());
    let row: Vec<String> = (1..=columns).map(|n| format!("${n}")).collect();
    let free = (1..).find(|n| !sql.contains(&format!("${n}"))).unwrap_or(1);
    sql.replace("values {}", &format!("values ({})", row.join(", "))).replace("({})", &format!("(${free})"))
}

/// Where statements are put together from the tables' own column lists; the tests there run each of
/// them on both engines. This list may only shrink.
const ASSEMBLED: &[&str] = &["sync/store/mod.rs"];

fn is_assembled(statement: &Statement) -> bool {
    let assembled = statement.sql.contains('{');
    assert!(!assembled || ASSEMBLED.contains(&statement.place.as_str()), "{} assembles SQL from parts: write it whole\n{}", statement.place, statement.sql);
    assembled
}

fn statements() -> Vec<Statement> {
    let mut found = Vec::new();
    for (path, text) in sources() {
        // `db/` talks to the catalog of one engine; tests may write what they like.
        let place = path.to_string_lossy().split("/src/").last().unwrap_or_default().to_owned();
        if is_test(&path) || place.starts_with("db/postgres") {
            continue;
        }
        let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        found.extend(literals(code).into_iter().filter(|text| is_sql(text)).map(|sql| Statement { place: place.clone(), sql: for_one(&sql) }));
    }
    found
}

/// `cast($3 as text) is null` asks whether a parameter of any type is there. A bound value says its
/// type, a statement that is only prepared does not: the text with each type such a parameter can have.
fn typings(sql: &str) -> Vec<String> {
    let mut parts = sql.split("cast($");
    let mut texts = vec![parts.next().unwrap_or_default().to_owned()];
    for part in parts {
        let asked = part.split_once(" as text) is null").filter(|(number, _)| number.chars().all(|c| c.is_ascii_digit()));
        texts = texts
            .iter()
            .flat_map(|text| match asked {
                Some((number, rest)) => ["", "::uuid", "::bigint"].map(|kind| format!("{text}cast(${number}{kind} as text) is null{rest}")).to_vec(),
                None => vec![format!("{text}cast(${part}")],
            })
            .collect();
    }
    texts
}

async fn prepare_on_postgres(connection: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    let mut first = None;
    for text in typings(sql) {
        match connection.prepare(AssertSqlSafe(text).into_sql_str()).await {
            Ok(_) => return Ok(()),
            Err(error) => first = first.or(Some(error)),
        }
    }
    first.map_or(Ok(()), Err)
}

#[test]
fn the_reader_of_sources_finds_statements_and_nothing_else() {
    let source = "const A: &str = \"select x\\n from t where a like $1 escape '\\\\'\"; // \"select y from z\"\nlet q = '\"'; f(\"with pleasure\", \"update a set b = $2\");";
    let found: Vec<String> = literals(source).into_iter().filter(|text| is_sql(text)).collect();
    assert_eq!(found, ["select x\n from t where a like $1 escape '\\'", "update a set b = $2"]);
}

#[test]
fn every_statement_names_its_tenant_or_belongs_to_the_control_store() {
    let all = statements();
    assert!(all.len() > 40, "the reader finds the statements: {}", all.len());
    for Statement { place, sql } in all {
        let control = sql.contains("control_") || sql.trim() == "select 1";
        assert!(control || sql.contains("tenant_id") && sql.contains("$1"), "{place} forgets the tenant:\n{sql}");
        assert!(!(sql.contains("control_") && sql.contains("tenant_id")), "{place} mixes both stores:\n{sql}");
    }
}

#[test]
fn who_asks_at_which_sites_somebody_works_asks_for_their_groups_too() {
    let mut asked = 0;
    for Statement { place, sql } in statements().into_iter().filter(|it| !it.place.starts_with("identity/")) {
        let (single, grouped) = (sql.matches("from person_site v").count(), sql.matches("from person_site_group w join site_group_site v").count());
        assert_eq!((sql.matches("person_site ").count(), single), (grouped, grouped), "{place} sees something else than the others:\n{sql}");
        asked += single;
    }
    assert_eq!(asked, 8, "with each request, in the lists of sites, devices and waiting ones, twice in that of attempts, in both statements of statistics");
}

#[tokio::test]
async fn every_statement_prepares_on_both_engines() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = super::super::Db::sqlite(super::super::SqliteConfig::new(folder.path())).await.expect("a store");
    db.close().await;
    let open = async |name: &str| SqliteConnection::connect(&format!("sqlite:{}", folder.path().join(name).display())).await.expect("a file");
    let (mut tenant, mut control) = (open("template.db").await, open("control.db").await);
    for Statement { place, sql } in statements().into_iter().filter(|it| !is_assembled(it)) {
        let connection = if sql.contains("control_") { &mut control } else { &mut tenant };
        if let Err(error) = connection.prepare(AssertSqlSafe(for_sqlite(&sql, &[]).0).into_sql_str()).await {
            panic!("{place} does not prepare on SQLite: {error}\n{sql}");
        }
    }
    let Some(url) = postgres_url() else { return };
    let (name, owner) = db_postgres_migrated(&url).await;
    let mut connection = PgConnection::connect(&owner).await.expect("the owner");
    for Statement { place, sql } in statements().into_iter().filter(|it| !is_assembled(it)) {
        if let Err(error) = prepare_on_postgres(&mut connection, &sql).await {
            panic!("{place} does not prepare on PostgreSQL: {error}\n{sql}");
        }
    }
    drop(connection);
    db_drop(&url, &name).await;
}
