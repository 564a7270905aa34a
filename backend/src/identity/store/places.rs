//! At which sites people work: single ones, and those of groups.
//!
//! What they see is asked for in three rooms: by `http` with each request, by the lists of `sites` and `devices`.

use omniot_shared::ids::{PersonId, SiteGroupId, SiteId};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::{
    db::{DbError, Scope, Value, placeholders},
    identity::places::Places,
};

const SITES: &str = "
    select p.sites, v.site_id from person p
    left join person_site v on v.tenant_id = p.tenant_id and v.person_id = p.id
    where p.tenant_id = $1 and p.id = $2 order by v.site_id";
const GROUPS: &str = "select group_id from person_site_group where tenant_id = $1 and person_id = $2 order by group_id";

/// Where a person works.
pub async fn of(scope: &mut Scope, id: PersonId) -> Result<Places, DbError> {
    let rows = scope.query(SITES).bind(id).all::<(String, Option<Uuid>)>().await?;
    if rows.iter().any(|(sites, _)| sites == "all") {
        return Ok(Places::Everywhere);
    }
    let groups = scope.query(GROUPS).bind(id).all::<(Uuid,)>().await?;
    Ok(Places::Chosen { sites: rows.into_iter().filter_map(|(_, site)| site.map(SiteId)).collect(), groups: groups.into_iter().map(|(group,)| SiteGroupId(group)).collect() })
}

/// Whether each of these is a site of the tenant.
pub async fn are_sites(scope: &mut Scope, sites: &[SiteId]) -> Result<bool, DbError> {
    let mut found = 0;
    for part in scope.portions(sites, 1) {
        let sql = format!("select count(*) from site where tenant_id = $1 and id in ({})", placeholders(2, part.len()));
        found += count(scope, sql, part).await?;
    }
    Ok(usize::try_from(found).is_ok_and(|found| found == sites.len()))
}

/// Whether each of these is a group of the tenant's sites.
pub async fn are_groups(scope: &mut Scope, groups: &[SiteGroupId]) -> Result<bool, DbError> {
    let mut found = 0;
    for part in scope.portions(groups, 1) {
        let sql = format!("select count(*) from site_group where tenant_id = $1 and id in ({})", placeholders(2, part.len()));
        found += count(scope, sql, part).await?;
    }
    Ok(usize::try_from(found).is_ok_and(|found| found == groups.len()))
}

async fn count<I: Copy + Into<Value>>(scope: &mut Scope, sql: String, ids: &[I]) -> Result<i64, DbError> {
    let (count,): (i64,) = ids.iter().fold(scope.query(AssertSqlSafe(sql)), |query, id| query.bind(*id)).one().await?;
    Ok(count)
}

const SET: &str = "update person set sites = $3, sites_seq = $4 where tenant_id = $1 and id = $2";
const LEAVE_SITES: &str = "delete from person_site where tenant_id = $1 and person_id = $2";
const LEAVE_GROUPS: &str = "delete from person_site_group where tenant_id = $1 and person_id = $2";

/// Writes where a person works, as of that sequence. A site or group that is gone meanwhile is none of theirs.
pub async fn set(scope: &mut Scope, id: PersonId, places: &Places, seq: i64) -> Result<(), DbError> {
    let word = if *places == Places::Everywhere { "all" } else { "some" };
    scope.query(SET).bind(id).bind(word).bind(seq).execute().await?;
    scope.query(LEAVE_SITES).bind(id).execute().await?;
    scope.query(LEAVE_GROUPS).bind(id).execute().await?;
    for part in scope.portions(places.sites().unwrap_or_default(), 1) {
        let sql = format!("insert into person_site (tenant_id, person_id, site_id) select tenant_id, $2, id from site where tenant_id = $1 and id in ({})", placeholders(3, part.len()));
        part.iter().fold(scope.query(AssertSqlSafe(sql)).bind(id), |query, site| query.bind(*site)).execute().await?;
    }
    for part in scope.portions(places.groups(), 1) {
        let sql = format!("insert into person_site_group (tenant_id, person_id, group_id) select tenant_id, $2, id from site_group where tenant_id = $1 and id in ({})", placeholders(3, part.len()));
        part.iter().fold(scope.query(AssertSqlSafe(sql)).bind(id), |query, group| query.bind(*group)).execute().await?;
    }
    Ok(())
}
