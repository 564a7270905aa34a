//! At which sites people work: single ones, and those of groups.
//!
//! What they see is asked for in three rooms: by `http` with each request, by the lists of `sites` and `devices`.

use omniot_shared::ids::{PersonId, SiteGroupId, SiteId};
use uuid::Uuid;

use crate::{
    db::{DbError, Scope, Value},
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

const COUNT_SITES: &str = "select count(*) from site where tenant_id = $1 and id = any($2)";
const COUNT_GROUPS: &str = "select count(*) from site_group where tenant_id = $1 and id = any($2)";

/// Whether each of these is a site of the tenant.
pub async fn are_sites(scope: &mut Scope, sites: &[SiteId]) -> Result<bool, DbError> {
    let (found,): (i64,) = scope.query(COUNT_SITES).bind(Value::ids(sites.iter().copied())).one().await?;
    Ok(usize::try_from(found).is_ok_and(|found| found == sites.len()))
}

/// Whether each of these is a group of the tenant's sites.
pub async fn are_groups(scope: &mut Scope, groups: &[SiteGroupId]) -> Result<bool, DbError> {
    let (found,): (i64,) = scope.query(COUNT_GROUPS).bind(Value::ids(groups.iter().copied())).one().await?;
    Ok(usize::try_from(found).is_ok_and(|found| found == groups.len()))
}

const SET: &str = "update person set sites = $3, sites_seq = $4 where tenant_id = $1 and id = $2";
const LEAVE_SITES: &str = "delete from person_site where tenant_id = $1 and person_id = $2";
const JOIN_SITES: &str = "insert into person_site (tenant_id, person_id, site_id) select tenant_id, $2, id from site where tenant_id = $1 and id = any($3)";
const JOIN_GROUPS: &str = "insert into person_site_group (tenant_id, person_id, group_id) select tenant_id, $2, id from site_group where tenant_id = $1 and id = any($3)";
const LEAVE_GROUPS: &str = "delete from person_site_group where tenant_id = $1 and person_id = $2";

/// Writes where a person works, as of that sequence. A site or group that is gone meanwhile is none of theirs.
pub async fn set(scope: &mut Scope, id: PersonId, places: &Places, seq: i64) -> Result<(), DbError> {
    let word = if *places == Places::Everywhere { "all" } else { "some" };
    scope.query(SET).bind(id).bind(word).bind(seq).execute().await?;
    scope.query(LEAVE_SITES).bind(id).execute().await?;
    scope.query(LEAVE_GROUPS).bind(id).execute().await?;
    let sites = Value::ids(places.sites().unwrap_or_default().iter().copied());
    scope.query(JOIN_SITES).bind(id).bind(sites).execute().await?;
    let groups = Value::ids(places.groups().iter().copied());
    scope.query(JOIN_GROUPS).bind(id).bind(groups).execute().await.map(drop)
}
