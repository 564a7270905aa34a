//! The SQL of statistics. Both statements begin with the same attempts: those of the period that the reader sees,
//! each with the group it falls into (a model by its id, everything else by its word; neither: unknown).

use omniot_shared::{
    ids::{PersonId, SiteId},
    time::Millis,
};
use uuid::Uuid;

use crate::db::{DbError, Scope};

/// More groups than this are not shown.
const GROUPS: i64 = 200;
/// More causes than this, of all groups together, are not read.
const CAUSES: i64 = 2_000;

/// The median of an even number of times is the middle of its two middle ones, in whole milliseconds on both engines.
/// A device's first attempt is that of the period, stopped ones aside.
const GROUPED: &str = "
    with seen as (
        select case when $2 = 'model' then d.model_id end as model_id, case when $2 = 'model' then m.name end as model_name,
               case $2 when 'firmware' then a.firmware when 'app_version' then a.app_version when 'phone' then a.os end as word,
               a.outcome, a.ended_at - a.started_at as took,
               row_number() over (partition by a.outcome = 'cancelled', a.device_id, a.serial, case when a.device_id is null and a.serial is null then a.id end
                                  order by a.started_at, a.id) as nth
        from attempt a
        left join device d on d.tenant_id = a.tenant_id and d.id = a.device_id
        left join device_model m on m.tenant_id = d.tenant_id and m.id = d.model_id
        where a.tenant_id = $1 and a.started_at >= $3 and a.started_at < $4
          and (cast($5 as text) is null or a.site_id = $5)
          and (a.site_id is null or exists (select 1 from person p where p.tenant_id = $1 and p.id = $6 and (p.sites = 'all' or p.role in ('owner', 'admin')))
               or exists (select 1 from person_site v where v.tenant_id = $1 and v.person_id = $6 and v.site_id = a.site_id)
               or exists (select 1 from person_site_group w join site_group_site v on v.tenant_id = w.tenant_id and v.group_id = w.group_id
                          where w.tenant_id = $1 and w.person_id = $6 and v.site_id = a.site_id))
    ), placed as (
        select seen.*, row_number() over (partition by model_id, word, outcome order by took) as place,
               count(*) over (partition by model_id, word, outcome) as many
        from seen
    )
    select model_id, max(model_name) as model_name, word, count(*) as attempts,
           count(case when outcome = 'succeeded' then 1 end) as succeeded, count(case when outcome = 'failed' then 1 end) as failed,
           count(case when outcome = 'cancelled' then 1 end) as cancelled, count(case when outcome = 'interrupted' then 1 end) as interrupted,
           (min(case when outcome = 'succeeded' and place in ((many + 1) / 2, many / 2 + 1) then took end)
            + max(case when outcome = 'succeeded' and place in ((many + 1) / 2, many / 2 + 1) then took end)) / 2 as median_ms,
           count(case when nth = 1 and outcome <> 'cancelled' then 1 end) as devices,
           count(case when nth = 1 and outcome = 'succeeded' then 1 end) as first_try
    from placed group by model_id, word order by attempts desc, model_name, word limit $7";

const CAUSED: &str = "
    select case when $2 = 'model' then d.model_id end as model_id,
           case $2 when 'firmware' then a.firmware when 'app_version' then a.app_version when 'phone' then a.os end as word,
           a.cause as cause, count(*) as attempts
    from attempt a
    left join device d on d.tenant_id = a.tenant_id and d.id = a.device_id
    where a.tenant_id = $1 and a.started_at >= $3 and a.started_at < $4 and a.outcome in ('failed', 'interrupted') and a.cause is not null
      and (cast($5 as text) is null or a.site_id = $5)
      and (a.site_id is null or exists (select 1 from person p where p.tenant_id = $1 and p.id = $6 and (p.sites = 'all' or p.role in ('owner', 'admin')))
           or exists (select 1 from person_site v where v.tenant_id = $1 and v.person_id = $6 and v.site_id = a.site_id)
           or exists (select 1 from person_site_group w join site_group_site v on v.tenant_id = w.tenant_id and v.group_id = w.group_id
                      where w.tenant_id = $1 and w.person_id = $6 and v.site_id = a.site_id))
    group by 1, 2, 3 order by attempts desc, cause limit $7";

/// Which attempts.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// How they are grouped: `model`, `firmware`, `app_version`, `phone`, or `all` in one.
    pub by: &'static str,
    /// Begun then or later.
    pub from: Millis,
    /// Begun before.
    pub to: Millis,
    /// At this site.
    pub site: Option<SiteId>,
    /// Who asks.
    pub reader: PersonId,
}

/// What a group comes to.
#[derive(Debug, Clone, sqlx::FromRow)]
#[allow(missing_docs, reason = "as `Quality` in the API")]
pub struct Group {
    pub model_id: Option<Uuid>,
    pub model_name: Option<String>,
    pub word: Option<String>,
    pub attempts: i64,
    pub succeeded: i64,
    pub failed: i64,
    pub cancelled: i64,
    pub interrupted: i64,
    pub median_ms: Option<i64>,
    pub devices: i64,
    pub first_try: i64,
}

/// A cause of a group.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Caused {
    /// The group's model.
    pub model_id: Option<Uuid>,
    /// The group's word.
    pub word: Option<String>,
    /// A code of the catalogue.
    pub cause: String,
    /// How many ended with it.
    pub attempts: i64,
}

/// The groups, those with the most attempts first.
pub async fn groups(scope: &mut Scope, wanted: Wanted) -> Result<Vec<Group>, DbError> {
    let query = scope.query(GROUPED).bind(wanted.by).bind(wanted.from).bind(wanted.to).bind(wanted.site);
    query.bind(wanted.reader).bind(GROUPS).all().await
}

/// The causes of all groups, the most frequent first.
pub async fn causes(scope: &mut Scope, wanted: Wanted) -> Result<Vec<Caused>, DbError> {
    let query = scope.query(CAUSED).bind(wanted.by).bind(wanted.from).bind(wanted.to).bind(wanted.site);
    query.bind(wanted.reader).bind(CAUSES).all().await
}
