//! The SQL that reads devices and attempts. Writing them is `sync`'s.

use omniot_shared::{
    entities::{Attempt, AttemptOutcome, Device, DeviceState},
    ids::{DeviceId, ModelId, PersonId, SiteId},
    time::Millis,
};
use uuid::Uuid;

use crate::{
    db::{DbError, Scope},
    sync::store::{AttemptRow, DeviceRow},
};

/// A device with the names of what it points to, and what its reader keeps about it.
#[derive(Debug, sqlx::FromRow)]
pub struct Listed {
    #[sqlx(flatten)]
    device: DeviceRow,
    /// Of its site.
    pub site_name: Option<String>,
    /// Of its model.
    pub model_name: Option<String>,
    /// When it was last in contact.
    pub last_seen_at: Option<i64>,
    /// When its reader put it on their list.
    pub marked_at: Option<i64>,
    /// What they noted there.
    pub mark_note: Option<String>,
    search_text: String,
}

impl Listed {
    /// Where it stands.
    pub fn site(&self) -> Option<SiteId> {
        self.device.site_id.map(SiteId)
    }

    /// The key of the list.
    pub fn key(&self) -> (String, Uuid) {
        (self.search_text.clone(), self.device.id)
    }
}

impl TryFrom<Listed> for Device {
    type Error = DbError;
    fn try_from(listed: Listed) -> Result<Self, DbError> {
        listed.device.try_into()
    }
}

/// Which devices.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Folded `like` pattern over name and serial number.
    pub pattern: Option<String>,
    /// At this site.
    pub site: Option<SiteId>,
    /// Of this kind.
    pub model: Option<ModelId>,
    /// In this state.
    pub state: Option<DeviceState>,
    /// On the reader's own list.
    pub marked: bool,
    /// After the item with this key.
    pub after: Option<(String, Uuid)>,
}

const LIST: &str = "
    select d.id, d.seq, d.stamps, d.serial, d.name, d.model_id, d.site_id, d.note, d.state, d.firmware, d.epoch, d.created_at,
           d.search_text, s.name as site_name, m.name as model_name, b.last_seen_at, k.created_at as marked_at, k.note as mark_note
    from device d
    left join site s on s.tenant_id = d.tenant_id and s.id = d.site_id
    left join device_model m on m.tenant_id = d.tenant_id and m.id = d.model_id
    left join device_binding b on b.tenant_id = d.tenant_id and b.device_id = d.id
    left join bookmark k on k.tenant_id = d.tenant_id and k.person_id = $9 and k.device_id = d.id
    where d.tenant_id = $1
      and (cast($2 as text) is null or d.search_text like $2 escape '\\')
      and (cast($3 as text) is null or d.site_id = $3)
      and (cast($4 as text) is null or d.model_id = $4)
      and (cast($5 as text) is null or d.state = $5)
      and ($10 = 0 or k.id is not null)
      and (d.search_text, d.id) > ($6, $7)
      and (d.site_id is null or exists (select 1 from person p where p.tenant_id = $1 and p.id = $9 and (p.sites = 'all' or p.role in ('owner', 'admin')))
           or exists (select 1 from person_site v where v.tenant_id = $1 and v.person_id = $9 and v.site_id = d.site_id)
           or exists (select 1 from person_site_group w join site_group_site v on v.tenant_id = w.tenant_id and v.group_id = w.group_id
                      where w.tenant_id = $1 and w.person_id = $9 and v.site_id = d.site_id))
    order by d.search_text, d.id
    limit $8";

/// A page of the devices that `reader` sees, by name.
pub async fn list(scope: &mut Scope, reader: PersonId, wanted: Wanted, rows: i64) -> Result<Vec<Listed>, DbError> {
    // Before every name: the first page.
    let (text, id) = wanted.after.unwrap_or_default();
    let query = scope.query(LIST).bind(wanted.pattern).bind(wanted.site).bind(wanted.model).bind(wanted.state.map(state_name));
    query.bind(text).bind(id).bind(rows).bind(reader).bind(i64::from(wanted.marked)).all().await
}

const FIND: &str = "
    select d.id, d.seq, d.stamps, d.serial, d.name, d.model_id, d.site_id, d.note, d.state, d.firmware, d.epoch, d.created_at,
           d.search_text, s.name as site_name, m.name as model_name, b.last_seen_at, k.created_at as marked_at, k.note as mark_note
    from device d
    left join site s on s.tenant_id = d.tenant_id and s.id = d.site_id
    left join device_model m on m.tenant_id = d.tenant_id and m.id = d.model_id
    left join device_binding b on b.tenant_id = d.tenant_id and b.device_id = d.id
    left join bookmark k on k.tenant_id = d.tenant_id and k.person_id = $3 and k.device_id = d.id
    where d.tenant_id = $1 and d.id = $2";

/// The device of that id, as `reader` sees it.
pub async fn find(scope: &mut Scope, reader: PersonId, id: DeviceId) -> Result<Option<Listed>, DbError> {
    scope.query(FIND).bind(id).bind(reader).optional().await
}

/// A device that waits for contact or record.
#[derive(Debug, sqlx::FromRow)]
pub struct Waiting {
    /// Which.
    pub id: Uuid,
    /// Its serial number.
    pub serial: String,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub site_id: Option<Uuid>,
    /// The name of that.
    pub site_name: Option<String>,
    /// `contact` or `record`.
    pub waits_for: String,
    /// Since when.
    pub since: i64,
    /// Who commissioned it.
    pub technician_name: Option<String>,
    /// What it was refused since it was last in contact: the code, when, since when, and 1 where the device itself was.
    pub refused_code: Option<String>,
    /// The grant it showed.
    pub refused_grant: Option<Uuid>,
    /// When.
    pub refused_at: Option<i64>,
    /// Since when.
    pub refused_since: Option<i64>,
    /// 1: the device itself.
    pub refused_proven: Option<i64>,
}

const WAITING: &str = "
    with claimed as (
        select a.device_id as id, a.ended_at as since, a.technician_name
        from claim_grant g
        join attempt a on a.tenant_id = g.tenant_id and a.grant_id = g.id
        left join device_binding b on b.tenant_id = a.tenant_id and b.device_id = a.device_id
        where g.tenant_id = $1 and g.spent_at is null and a.epoch > coalesce(b.epoch, 0)
          and not exists (select 1 from attempt later where later.tenant_id = $1 and later.device_id = a.device_id
                          and (later.epoch > a.epoch or (later.epoch = a.epoch and later.id > a.id)))
    ), refused as (
        select r.device_id as id, r.code, r.grant_id, r.at, r.since, r.proven
        from device_refusal r
        left join device_binding b on b.tenant_id = r.tenant_id and b.device_id = r.device_id
        where r.tenant_id = $1 and r.at > coalesce(b.last_seen_at, 0)
    )
    select x.id, x.serial, x.name, x.site_id, s.name as site_name, x.waits_for, x.since, x.technician_name,
           f.code as refused_code, f.grant_id as refused_grant, f.at as refused_at, f.since as refused_since, f.proven as refused_proven
    from (
        select d.tenant_id, d.id, d.serial, d.name, d.site_id, 'contact' as waits_for, c.since, c.technician_name
        from claimed c
        join device d on d.tenant_id = $1 and d.id = c.id
        where d.state <> 'retired'
        union all
        select d.tenant_id, d.id, d.serial, d.name, d.site_id, 'contact' as waits_for, f.since, cast(null as text) as technician_name
        from refused f
        join device d on d.tenant_id = $1 and d.id = f.id
        where d.state <> 'retired' and not exists (select 1 from claimed c where c.id = f.id)
        union all
        select d.tenant_id, d.id, d.serial, d.name, d.site_id, 'record' as waits_for, b.bound_at as since, g.person_name as technician_name
        from device_binding b
        join device d on d.tenant_id = b.tenant_id and d.id = b.device_id
        join claim_grant g on g.tenant_id = b.tenant_id and g.id = b.grant_id
        where b.tenant_id = $1 and b.handed_over_at is null and d.state <> 'retired'
          and not exists (select 1 from attempt a where a.tenant_id = $1 and a.grant_id = b.grant_id)
    ) x
    left join refused f on f.id = x.id and x.waits_for = 'contact'
    left join site s on s.tenant_id = x.tenant_id and s.id = x.site_id
    where x.tenant_id = $1
      and (cast($2 as text) is null or x.waits_for = $2)
      and (x.since, x.id) > ($3, $4)
      and (x.site_id is null or exists (select 1 from person p where p.tenant_id = $1 and p.id = $6 and (p.sites = 'all' or p.role in ('owner', 'admin')))
           or exists (select 1 from person_site v where v.tenant_id = $1 and v.person_id = $6 and v.site_id = x.site_id)
           or exists (select 1 from person_site_group w join site_group_site v on v.tenant_id = w.tenant_id and v.group_id = w.group_id
                      where w.tenant_id = $1 and w.person_id = $6 and v.site_id = x.site_id))
    order by x.since, x.id
    limit $5";

/// A page of the devices that `reader` sees and that wait, the longest waiting first.
pub async fn waiting(scope: &mut Scope, reader: PersonId, waits_for: Option<&str>, after: Option<(i64, Uuid)>, rows: i64) -> Result<Vec<Waiting>, DbError> {
    let (since, id) = after.unwrap_or((i64::MIN, Uuid::nil()));
    scope.query(WAITING).bind(waits_for).bind(since).bind(id).bind(rows).bind(reader).all().await
}

const fn state_name(state: DeviceState) -> &'static str {
    match state {
        DeviceState::Planned => "planned",
        DeviceState::Claimed => "claimed",
        DeviceState::Online => "online",
        DeviceState::Retired => "retired",
    }
}

/// An attempt with the names of what it points to.
#[derive(Debug, sqlx::FromRow)]
pub struct ListedAttempt {
    #[sqlx(flatten)]
    attempt: AttemptRow,
    /// Of its device, when that is there.
    pub device_name: Option<String>,
    /// Of its site, when that is there.
    pub site_name: Option<String>,
}

impl ListedAttempt {
    /// The key of the list.
    pub fn key(&self) -> (i64, Uuid) {
        (self.attempt.started_at, self.attempt.id)
    }
}

impl TryFrom<ListedAttempt> for Attempt {
    type Error = DbError;
    fn try_from(listed: ListedAttempt) -> Result<Self, DbError> {
        listed.attempt.try_into()
    }
}

/// Which attempts.
#[derive(Debug, Default)]
pub struct WantedAttempts {
    /// On this device.
    pub device: Option<DeviceId>,
    /// At this site.
    pub site: Option<SiteId>,
    /// By this person.
    pub technician: Option<PersonId>,
    /// That ended so.
    pub outcome: Option<AttemptOutcome>,
    /// For this reason.
    pub cause: Option<String>,
    /// On devices of this kind.
    pub model: Option<ModelId>,
    /// On devices that said they run this.
    pub firmware: Option<String>,
    /// With this version of the app.
    pub app_version: Option<String>,
    /// On this sort of phone or machine.
    pub phone: Option<String>,
    /// Begun then or later.
    pub from: Option<Millis>,
    /// Begun before.
    pub to: Option<Millis>,
    /// Before the item with this key.
    pub before: Option<(i64, Uuid)>,
}

const ATTEMPTS: &str = "
    select a.id, a.seq, a.device_id, a.serial, a.site_id, a.technician_id, a.technician_name, a.client_id, a.app_version, a.os, a.radio,
           a.protocol, a.security, a.firmware, a.identity_verified, a.rssi, a.mtu, a.steps, a.grant_id, a.receipt, a.epoch, a.network_name,
           a.outcome, a.cause, a.started_at, a.ended_at, d.name as device_name, s.name as site_name
    from attempt a
    left join device d on d.tenant_id = a.tenant_id and d.id = a.device_id
      and (d.site_id is null or exists (select 1 from person p where p.tenant_id = $1 and p.id = $9 and (p.sites = 'all' or p.role in ('owner', 'admin')))
           or exists (select 1 from person_site v where v.tenant_id = $1 and v.person_id = $9 and v.site_id = d.site_id)
           or exists (select 1 from person_site_group w join site_group_site v on v.tenant_id = w.tenant_id and v.group_id = w.group_id
                      where w.tenant_id = $1 and w.person_id = $9 and v.site_id = d.site_id))
    left join site s on s.tenant_id = a.tenant_id and s.id = a.site_id
    where a.tenant_id = $1
      and (cast($2 as text) is null or a.device_id = $2)
      and (cast($3 as text) is null or a.site_id = $3)
      and (cast($4 as text) is null or a.technician_id = $4)
      and (cast($5 as text) is null or a.outcome = $5)
      and (cast($10 as text) is null or a.cause = $10)
      and (cast($11 as text) is null or exists (select 1 from device o where o.tenant_id = $1 and o.id = a.device_id and o.model_id = $11))
      and (cast($12 as text) is null or a.firmware = $12)
      and (cast($13 as text) is null or a.app_version = $13)
      and (cast($14 as text) is null or a.os = $14)
      and a.started_at >= $15 and a.started_at < $16
      and (a.started_at, a.id) < ($6, $7)
      and (a.site_id is null or exists (select 1 from person p where p.tenant_id = $1 and p.id = $9 and (p.sites = 'all' or p.role in ('owner', 'admin')))
           or exists (select 1 from person_site v where v.tenant_id = $1 and v.person_id = $9 and v.site_id = a.site_id)
           or exists (select 1 from person_site_group w join site_group_site v on v.tenant_id = w.tenant_id and v.group_id = w.group_id
                      where w.tenant_id = $1 and w.person_id = $9 and v.site_id = a.site_id))
    order by a.started_at desc, a.id desc
    limit $8";

/// A page of the attempts that `reader` sees, newest first.
pub async fn attempts(scope: &mut Scope, reader: PersonId, wanted: WantedAttempts, rows: i64) -> Result<Vec<ListedAttempt>, DbError> {
    let (at, id) = wanted.before.unwrap_or((i64::MAX, Uuid::max()));
    let query = scope.query(ATTEMPTS).bind(wanted.device).bind(wanted.site).bind(wanted.technician).bind(wanted.outcome.map(outcome_name));
    let query = query.bind(at).bind(id).bind(rows).bind(reader).bind(wanted.cause).bind(wanted.model);
    let query = query.bind(wanted.firmware).bind(wanted.app_version).bind(wanted.phone);
    query.bind(wanted.from.unwrap_or(Millis(i64::MIN))).bind(wanted.to.unwrap_or(Millis(i64::MAX))).all().await
}

const fn outcome_name(outcome: AttemptOutcome) -> &'static str {
    match outcome {
        AttemptOutcome::Succeeded => "succeeded",
        AttemptOutcome::Failed => "failed",
        AttemptOutcome::Cancelled => "cancelled",
        AttemptOutcome::Interrupted => "interrupted",
    }
}
