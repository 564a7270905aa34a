//! People: find, list, change, remove.

use omniot_shared::{
    fold::fold,
    ids::PersonId,
    roles::{Permission, Role},
    time::Millis,
};
use uuid::Uuid;

use crate::db::{DbError, Scope};

use super::role;

/// One person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Who.
    pub id: PersonId,
    /// In lower case; unique in the tenant.
    pub email: String,
    /// As they are called.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Whether they see every site.
    pub all_sites: bool,
    /// Whether sites were chosen for them; that has no effect while they manage people.
    pub chosen_sites: bool,
    /// When they joined.
    pub created_at: Millis,
    /// The last request of any of their sessions.
    pub last_seen_at: Option<Millis>,
    /// What lists are sorted by.
    pub search_text: String,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    email: String,
    name: String,
    role: String,
    sites: String,
    created_at: i64,
    last_seen_at: Option<i64>,
    last_used_at: Option<i64>,
    search_text: String,
}

impl Row {
    fn person(self) -> Result<Person, DbError> {
        let role = role(&self.role)?;
        Ok(Person {
            id: PersonId(self.id),
            email: self.email,
            name: self.name,
            role,
            all_sites: self.sites == "all" || role.may(Permission::PersonManage),
            chosen_sites: self.sites != "all",
            created_at: Millis(self.created_at),
            last_seen_at: self.last_seen_at.max(self.last_used_at).map(Millis),
            search_text: self.search_text,
        })
    }
}

const FIND: &str = "
    select p.id, p.email, p.name, p.role, p.sites, p.created_at, p.last_seen_at, p.search_text,
           (select max(s.last_used_at) from session s where s.tenant_id = $1 and s.person_id = p.id) as last_used_at
    from person p where p.tenant_id = $1 and p.id = $2";

/// The person of that id.
pub async fn find(scope: &mut Scope, id: PersonId) -> Result<Option<Person>, DbError> {
    scope.query(FIND).bind(id).optional::<Row>().await?.map(Row::person).transpose()
}

const LIST: &str = "
    select p.id, p.email, p.name, p.role, p.sites, p.created_at, p.last_seen_at, p.search_text,
           (select max(s.last_used_at) from session s where s.tenant_id = $1 and s.person_id = p.id) as last_used_at
    from person p
    where p.tenant_id = $1
      and (cast($2 as text) is null or p.search_text like $2 escape '\\')
      and (p.search_text, p.id) > ($3, $4)
    order by p.search_text, p.id
    limit $5";

/// A page of people by name: at most `limit`, after the row `(search_text, id)`.
pub async fn list(scope: &mut Scope, pattern: Option<String>, after: Option<(String, Uuid)>, limit: i64) -> Result<Vec<Person>, DbError> {
    // Before every name: the first page.
    let (text, id) = after.unwrap_or_default();
    scope.query(LIST).bind(pattern).bind(text).bind(id).bind(limit).all::<Row>().await?.into_iter().map(Row::person).collect()
}

const SECRET: &str = "select id, name, password_hash from person where tenant_id = $1 and email = $2";

/// Who has that address, what they are called, and the hash to check.
pub async fn secret(scope: &mut Scope, email: &str) -> Result<Option<(PersonId, String, String)>, DbError> {
    let row = scope.query(SECRET).bind(email).optional::<(Uuid, String, String)>().await?;
    Ok(row.map(|(id, name, hash)| (PersonId(id), name, hash)))
}

const INSERT: &str = "
    insert into person (tenant_id, id, email, name, search_text, role, password_hash, created_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8)
    on conflict do nothing";

/// Adds a person; whether the address was free.
pub async fn insert(scope: &mut Scope, person: &Person, password_hash: &str) -> Result<bool, DbError> {
    let insert = scope.query(INSERT).bind(person.id).bind(&person.email).bind(&person.name).bind(&person.search_text);
    Ok(insert.bind(person.role.name()).bind(password_hash).bind(person.created_at).execute().await? == 1)
}

const UPDATE: &str = "update person set name = $3, search_text = $4, role = $5 where tenant_id = $1 and id = $2";

/// Writes name and role.
pub async fn update(scope: &mut Scope, person: &Person) -> Result<(), DbError> {
    let update = scope.query(UPDATE).bind(person.id).bind(&person.name).bind(search_text(&person.name, &person.email));
    update.bind(person.role.name()).execute().await.map(drop)
}

const SET_PASSWORD: &str = "update person set password_hash = $3 where tenant_id = $1 and id = $2";

/// Writes the password's hash.
pub async fn set_password(scope: &mut Scope, id: PersonId, hash: &str) -> Result<(), DbError> {
    scope.query(SET_PASSWORD).bind(id).bind(hash).execute().await.map(drop)
}

const REMOVE: &str = "delete from person where tenant_id = $1 and id = $2";

/// Removes the person; their sessions and reset links go with them.
pub async fn remove(scope: &mut Scope, id: PersonId) -> Result<(), DbError> {
    scope.query(REMOVE).bind(id).execute().await.map(drop)
}

const OWNERS: &str = "select count(*) from person where tenant_id = $1 and role = 'owner'";

/// How many owners there are. Exact for the rest of a writing scope: a tenant has one writer at a time.
pub async fn owners(scope: &mut Scope) -> Result<u64, DbError> {
    let (count,): (i64,) = scope.query(OWNERS).one().await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// What a search looks at and a list is sorted by.
#[must_use]
pub fn search_text(name: &str, email: &str) -> String {
    fold(&format!("{name} {email}"))
}
