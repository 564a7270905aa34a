//! Groups of sites, what is in them, and who works there.

use std::collections::HashMap;

use omniot_shared::{
    fold::fold,
    ids::{PersonId, SiteGroupId, SiteId},
    time::Millis,
};
use uuid::Uuid;

use crate::db::{DbError, Scope, Value};

/// One group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Which.
    pub id: SiteGroupId,
    /// As it is called; unique in the tenant, however it is spelled.
    pub name: String,
    /// Rises with each change.
    pub version: i64,
    /// When it was made.
    pub created_at: Millis,
    /// Its sites, by id.
    pub sites: Vec<SiteId>,
}

/// A group in a list.
#[derive(Debug, sqlx::FromRow)]
pub struct Listed {
    /// Which.
    pub id: Uuid,
    /// As it is called.
    pub name: String,
    /// Rises with each change.
    pub version: i64,
    /// When it was made.
    pub created_at: i64,
    /// What the list is sorted by.
    pub search_text: String,
    /// How many sites are in it.
    pub sites: i64,
    /// How many people are limited to sites, those of this group among them.
    pub people: i64,
}

const LIST: &str = "
    select g.id, g.name, g.version, g.created_at, g.search_text,
           (select count(*) from site_group_site v where v.tenant_id = $1 and v.group_id = g.id) as sites,
           (select count(*) from person_site_group w join person p on p.tenant_id = w.tenant_id and p.id = w.person_id
            where w.tenant_id = $1 and w.group_id = g.id and p.role not in ('owner', 'admin')) as people
    from site_group g
    where g.tenant_id = $1
      and (cast($2 as text) is null or g.search_text like $2 escape '\\')
      and (g.search_text, g.id) > ($3, $4)
    order by g.search_text, g.id
    limit $5";

/// A page of groups by name: at most `limit`, after the row `(search_text, id)`.
pub async fn list(scope: &mut Scope, pattern: Option<String>, after: Option<(String, Uuid)>, limit: i64) -> Result<Vec<Listed>, DbError> {
    // Before every name: the first page.
    let (text, id) = after.unwrap_or_default();
    scope.query(LIST).bind(pattern).bind(text).bind(id).bind(limit).all().await
}

const FIND: &str = "select name, version, created_at from site_group where tenant_id = $1 and id = $2";
const SITES: &str = "select site_id from site_group_site where tenant_id = $1 and group_id = $2 order by site_id";

/// The group of that id.
pub async fn find(scope: &mut Scope, id: SiteGroupId) -> Result<Option<Group>, DbError> {
    let Some((name, version, created_at)) = scope.query(FIND).bind(id).optional::<(String, i64, i64)>().await? else { return Ok(None) };
    let sites = scope.query(SITES).bind(id).all::<(Uuid,)>().await?.into_iter().map(|(site,)| SiteId(site)).collect();
    Ok(Some(Group { id, name, version, created_at: Millis(created_at), sites }))
}

const NAMED: &str = "select id from site_group where tenant_id = $1 and search_text = $2";

/// The group that has that name, however it is spelled.
pub async fn named(scope: &mut Scope, name: &str) -> Result<Option<SiteGroupId>, DbError> {
    Ok(scope.query(NAMED).bind(fold(name)).optional::<(Uuid,)>().await?.map(|(id,)| SiteGroupId(id)))
}

const INSERT: &str = "insert into site_group (tenant_id, id, name, search_text, version, created_at) values ($1, $2, $3, $4, $5, $6)";

/// Adds a group that holds no site yet.
pub async fn insert(scope: &mut Scope, group: &Group) -> Result<(), DbError> {
    let insert = scope.query(INSERT).bind(group.id).bind(&group.name).bind(fold(&group.name));
    insert.bind(group.version).bind(group.created_at).execute().await.map(drop)
}

const UPDATE: &str = "update site_group set name = $3, search_text = $4, version = $5 where tenant_id = $1 and id = $2";

/// Writes name and version.
pub async fn update(scope: &mut Scope, group: &Group) -> Result<(), DbError> {
    scope.query(UPDATE).bind(group.id).bind(&group.name).bind(fold(&group.name)).bind(group.version).execute().await.map(drop)
}

const TAKE_OUT: &str = "delete from site_group_site where tenant_id = $1 and group_id = $2 and site_id = any($3)";
const PUT_IN: &str = "insert into site_group_site (tenant_id, group_id, site_id) select tenant_id, $2, id from site where tenant_id = $1 and id = any($3)";

/// Takes these sites out of a group.
pub async fn take_out(scope: &mut Scope, id: SiteGroupId, sites: &[SiteId]) -> Result<(), DbError> {
    scope.query(TAKE_OUT).bind(id).bind(Value::ids(sites.iter().copied())).execute().await.map(drop)
}

/// Puts these sites into a group.
pub async fn put_in(scope: &mut Scope, id: SiteGroupId, sites: &[SiteId]) -> Result<(), DbError> {
    scope.query(PUT_IN).bind(id).bind(Value::ids(sites.iter().copied())).execute().await.map(drop)
}

const DELETE: &str = "delete from site_group where tenant_id = $1 and id = $2";

/// Deletes a group; its sites stay, and those who worked there keep their other ones.
pub async fn delete(scope: &mut Scope, id: SiteGroupId) -> Result<(), DbError> {
    scope.query(DELETE).bind(id).execute().await.map(drop)
}

const LIMITED: &str = "
    select count(*) from person_site_group w join person p on p.tenant_id = w.tenant_id and p.id = w.person_id
    where w.tenant_id = $1 and w.group_id = $2 and p.role not in ('owner', 'admin')";

/// How many people see what they see by this group, among others.
pub async fn limited(scope: &mut Scope, id: SiteGroupId) -> Result<i64, DbError> {
    let (count,): (i64,) = scope.query(LIMITED).bind(id).one().await?;
    Ok(count)
}

const STAMP: &str = "
    update person set sites_seq = $3
    where tenant_id = $1 and role not in ('owner', 'admin') and id in (select person_id from person_site_group where tenant_id = $1 and group_id = $2)";

/// Notes for these people since when they see what they see.
pub async fn stamp(scope: &mut Scope, id: SiteGroupId, seq: i64) -> Result<(), DbError> {
    scope.query(STAMP).bind(id).bind(seq).execute().await.map(drop)
}

/// What is seen by one group alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Reliance {
    /// How many people see a site by this group alone.
    pub people: i64,
    /// How many sites somebody sees by this group alone.
    pub sites: i64,
}

const RELIANCE: &str = "
    select count(distinct w.person_id) as people, count(distinct v.site_id) as sites
    from person_site_group w
    join person p on p.tenant_id = w.tenant_id and p.id = w.person_id and p.role not in ('owner', 'admin')
    join site_group_site v on v.tenant_id = w.tenant_id and v.group_id = w.group_id
    where w.tenant_id = $1 and w.group_id = $2
      and not exists (select 1 from person_site o where o.tenant_id = $1 and o.person_id = w.person_id and o.site_id = v.site_id)
      and not exists (select 1 from person_site_group x join site_group_site o on o.tenant_id = x.tenant_id and o.group_id = x.group_id
                      where x.tenant_id = $1 and x.person_id = w.person_id and x.group_id <> $2 and o.site_id = v.site_id)";

/// What people would lose sight of without this group.
pub async fn reliance(scope: &mut Scope, id: SiteGroupId) -> Result<Reliance, DbError> {
    scope.query(RELIANCE).bind(id).one().await
}

const OF_PEOPLE: &str = "
    select w.person_id, g.id, g.name from person_site_group w join site_group g on g.tenant_id = w.tenant_id and g.id = w.group_id
    where w.tenant_id = $1 and w.person_id = any($2) order by g.search_text";

/// The groups of these people, by name.
pub async fn of_people(scope: &mut Scope, people: &[PersonId]) -> Result<HashMap<PersonId, Vec<(SiteGroupId, String)>>, DbError> {
    let mut found: HashMap<PersonId, Vec<(SiteGroupId, String)>> = HashMap::new();
    let rows: Vec<(Uuid, Uuid, String)> = scope.query(OF_PEOPLE).bind(Value::ids(people.iter().copied())).all().await?;
    for (person, group, name) in rows {
        found.entry(PersonId(person)).or_default().push((SiteGroupId(group), name));
    }
    Ok(found)
}
