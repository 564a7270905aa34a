//! Packs of claim grants: fetched by apps, listed and taken back by staff.

use axum::extract::State;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use omniot_shared::{
    claim::{Grant, Letter, SITES_LIMIT, SignedGrant, home::Backend},
    ids::{ClientId, DeviceId, GrantId, PersonId, SiteId},
    roles::need,
    sync::Sight,
    time::Millis,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    error::CommissioningError,
    new_claim_key,
    secrets::ClaimKey,
    store::{
        grants::{self, GrantRow},
        keys, releases,
    },
};
use crate::{
    audit::Entry,
    http::{ApiError, AppState, Caller, Cursor, Json, Limit, NoContent, Page, Path, Query},
};

/// The most grants that one person's replica may hold: as many as a visit has devices.
pub(super) const PACK_LIMIT: u32 = 500;
/// A grant that ends sooner is not counted in a pack: it would be over before it is used.
const SOON_OVER_MS: i64 = 24 * 3_600_000;
/// How long a grant is good.
pub(super) const GRANT_MS: i64 = 14 * 24 * 3_600_000;

/// How many grants an app wants to hold.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PackRequest {
    /// The replica that will use them.
    client_id: ClientId,
    /// 1–500, those it has already included, as far as they are good for another day.
    #[schema(minimum = 1, maximum = 500)]
    count: u32,
}

/// All grants that the replica may still use; asking again gives the same ones.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Pack {
    /// Each the base64 of an encoded `Signed` (see shared/proto/omniot_device.proto).
    grants: Vec<String>,
    /// The tenant's public claim key, base64 of 32 bytes.
    claim_key: String,
    /// Releases that other organizations gave to this one, as their texts, to carry to the devices.
    releases: Vec<String>,
    /// For the app to measure its clock.
    server_time: Millis,
}

/// Fetch claim grants to commission offline. Tops the caller's grants for this replica that are good for another day up to `count`, and answers all that can be used.
#[utoipa::path(post, path = "/v1/grants/pack", operation_id = "fetch_grants", tag = "commissioning", request_body = PackRequest,
    responses((status = 200, body = Pack), (status = 422, body = crate::http::ErrorBody)))]
pub(super) async fn fetch_grants(mut caller: Caller<need::DeviceCommission>, State(state): State<AppState>, Json(body): Json<PackRequest>) -> Result<Json<Pack>, CommissioningError> {
    if !(1..=PACK_LIMIT).contains(&body.count) {
        return Err(ApiError::invalid_field("count", "A pack holds 1 to 500 grants.").into());
    }
    let key = claim_key(&mut caller, &state).await?;
    let (person, now) = (caller.person().clone(), caller.now());
    let Some(sites) = covered(&person.sight) else {
        return Ok(Json(Pack { grants: vec![], claim_key: STANDARD.encode(key.public().0), releases: vec![], server_time: now }));
    };
    let home = &state.settings.home();
    let held = fitting(grants::outstanding(caller.scope(), person.id, body.client_id, now.plus(SOON_OVER_MS)).await?, &sites, home).len();
    let missing = usize::try_from(body.count).unwrap_or(0).saturating_sub(held);
    for _ in 0..missing {
        let grant = new_grant(&caller, &state, &key, body.client_id, sites.clone());
        let signed = grant.sign(key.signing());
        // What a device could not read must not leave the server: a public URL or trust anchor that is too long or odd.
        signed.read().map_err(|error| ApiError::internal(&format!("a grant of this server cannot be read: {error}")))?;
        grants::insert(caller.scope(), &grant, &person.name, &signed, now).await?;
    }
    let pack = fitting(grants::outstanding(caller.scope(), person.id, body.client_id, now).await?, &sites, home);
    let releases = releases::received(caller.scope(), now).await?.iter().map(Letter::to_text).collect();
    if missing > 0 {
        let entry = Entry::new("grant.issue").target("person", person.id, &person.name);
        caller.audit(entry.detail(serde_json::json!({ "count": missing, "client_id": body.client_id }))).await?;
    }
    caller.commit().await?;
    let grants = pack.iter().map(|SignedGrant(bytes)| STANDARD.encode(bytes)).collect();
    Ok(Json(Pack { grants, claim_key: STANDARD.encode(key.public().0), releases, server_time: now }))
}

/// The sites that the grants of a person with that sight are for; none named: everywhere. `None`: nothing.
///
/// A grant names so many sites at most; whoever works at more of them gets grants for everywhere.
fn covered(sight: &Sight) -> Option<Vec<SiteId>> {
    match sight {
        Sight::All => Some(vec![]),
        Sight::Sites(sites) if sites.is_empty() => None,
        Sight::Sites(sites) if sites.len() > SITES_LIMIT => Some(vec![]),
        Sight::Sites(sites) => Some(sites.iter().copied().collect()),
    }
}

/// Those for just these sites that lead to where this server is, URL and trust anchor: a device that trusts another one never
/// reaches it. Others stay good for devices that hold them already, and are handed out no more.
fn fitting(grants: Vec<SignedGrant>, sites: &[SiteId], home: &Backend) -> Vec<SignedGrant> {
    let leads_home = |grant: &Grant| grant.backend_url == home.url && grant.trust_anchor == home.trust_anchor;
    grants.into_iter().filter(|signed| signed.read().is_ok_and(|grant| grant.sites == sites && leads_home(&grant))).collect()
}

/// The tenant's claim key. A tenant has one from its first day; one of before that gets it when it is first needed.
async fn claim_key(caller: &mut Caller<need::DeviceCommission>, state: &AppState) -> Result<ClaimKey, CommissioningError> {
    if let Some(key) = keys::owner(caller.scope()).await?.and_then(|owner| owner.key) {
        return Ok(key);
    }
    let now = caller.now();
    let key = new_claim_key(caller.scope(), state, now).await?;
    let fingerprint = key.public().fingerprint().to_string();
    caller.audit(Entry::new("claim_key.create").detail(serde_json::json!({ "fingerprint": fingerprint }))).await?;
    Ok(key)
}

fn new_grant(caller: &Caller<need::DeviceCommission>, state: &AppState, key: &ClaimKey, client: ClientId, sites: Vec<SiteId>) -> Grant {
    Grant {
        tenant: caller.tenant(),
        id: state.new_id(),
        technician: caller.person().id,
        client,
        not_before: caller.now(),
        not_after: caller.now().plus(GRANT_MS),
        backend_url: state.settings.public_url.clone(),
        trust_anchor: state.settings.trust_anchor.clone(),
        sites,
        claim_key: key.public(),
    }
}

/// Which grants to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct ListGrants {
    #[serde(default)]
    limit: Limit,
    cursor: Option<Cursor>,
    /// Only those given to this person.
    technician_id: Option<PersonId>,
}

/// What became of a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum GrantState {
    /// It may be used.
    Outstanding,
    /// A device used it.
    Spent,
    /// It was taken back.
    Revoked,
    /// Its time is over.
    Expired,
}

/// A grant as staff see it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct GrantItem {
    id: GrantId,
    technician: GrantHolder,
    client_id: ClientId,
    state: GrantState,
    issued_at: Millis,
    expires_at: Millis,
    revoked_at: Option<Millis>,
    spent_at: Option<Millis>,
    device_id: Option<DeviceId>,
}

/// Whom a grant was given to.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct GrantHolder {
    id: PersonId,
    /// Their name then.
    name: String,
}

impl GrantItem {
    fn of(row: GrantRow, now: Millis) -> Self {
        let state = match (row.spent_at, row.revoked_at) {
            (Some(_), _) => GrantState::Spent,
            (None, Some(_)) => GrantState::Revoked,
            (None, None) if row.not_after <= now.0 => GrantState::Expired,
            (None, None) => GrantState::Outstanding,
        };
        Self {
            id: row.id.into(),
            technician: GrantHolder { id: row.person_id.into(), name: row.person_name },
            client_id: row.client_id.into(),
            state,
            issued_at: Millis(row.issued_at),
            expires_at: Millis(row.not_after),
            revoked_at: row.revoked_at.map(Millis),
            spent_at: row.spent_at.map(Millis),
            device_id: row.device_id.map(DeviceId),
        }
    }
}

/// List the claim grants, newest first.
#[utoipa::path(get, path = "/v1/grants", operation_id = "list_grants", tag = "commissioning", params(ListGrants), responses((status = 200, body = Page<GrantItem>)))]
pub(super) async fn list_grants(mut caller: Caller<need::GrantManage>, Query(list): Query<ListGrants>) -> Result<Page<GrantItem>, CommissioningError> {
    let after = list.cursor.map(|cursor| cursor.key::<(i64, Uuid)>()).transpose()?;
    let rows = grants::list(caller.scope(), list.technician_id, after, list.limit.rows()).await?;
    let now = caller.now();
    Ok(Page::of(rows, list.limit, |row| (row.issued_at, row.id)).map(|row| GrantItem::of(row, now)))
}

/// Take a grant back. Twice is fine; a spent one is refused, and one that a technician's record names: its device carries it.
#[utoipa::path(delete, path = "/v1/grants/{id}", operation_id = "revoke_grant", tag = "commissioning", params(("id" = GrantId, Path)),
    responses((status = 204), (status = 404, body = crate::http::ErrorBody), (status = 409, body = crate::http::ErrorBody)))]
pub(super) async fn revoke_grant(mut caller: Caller<need::GrantManage>, Path(id): Path<GrantId>) -> Result<NoContent, CommissioningError> {
    let grant = grants::find(caller.scope(), id).await?.ok_or_else(ApiError::not_found)?;
    if grant.spent_at.is_some() {
        return Err(CommissioningError::AlreadySpent);
    }
    let is_recorded = grants::known(caller.scope(), id).await?.is_some_and(|known| known.recorded_at.is_some());
    if is_recorded && grant.revoked_at.is_none() {
        return Err(CommissioningError::AlreadyRecorded);
    }
    let now = caller.now();
    if grants::revoke(caller.scope(), id, now).await? {
        caller.audit(Entry::new("grant.revoke").target("grant", id, &grant.person_name)).await?;
    }
    caller.commit().await?;
    Ok(NoContent)
}
