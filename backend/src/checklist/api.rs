//! `/v1/checklist`.

use omniot_shared::{
    checklist::{CheckItem, Difference, kept_items},
    roles::need,
    sync::{Refusal, Sight},
    time::Millis,
};
use serde::{Deserialize, Serialize};

use super::store::{self, Kept};
use crate::{
    audit::Entry,
    db::DbError,
    http::{ApiError, Caller, Json},
    sync::ExecuteError,
};

/// Why something about the checklist was refused.
#[derive(Debug, thiserror::Error)]
pub enum ChecklistError {
    /// Somebody changed it since.
    #[error("another version stands")]
    Stale,
    /// Who works at chosen sites changes nothing that counts everywhere.
    #[error("somebody who works at chosen sites only cannot do this")]
    Limited,
    /// An item breaks a rule.
    #[error(transparent)]
    Rule(#[from] Refusal),
    /// The store.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<ChecklistError> for ApiError {
    fn from(error: ChecklistError) -> Self {
        match error {
            ChecklistError::Stale => Self::conflict("stale", "This was changed in the meantime: read it again."),
            ChecklistError::Limited => Self::not_allowed(),
            ChecklistError::Rule(refusal) => ExecuteError::Refused(refusal).into(),
            ChecklistError::Db(error) => error.into(),
        }
    }
}

crate::respond!(ChecklistError);

/// What a tenant wants checked at each installation.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Checklist {
    /// Rises by one with each change; 0: nobody has made one.
    version: i64,
    /// In the order in which they are asked.
    items: Vec<CheckItem>,
    /// When it was last changed.
    updated_at: Option<Millis>,
    /// The name of who did, as it was then.
    updated_by: Option<String>,
}

impl Checklist {
    fn of(kept: Option<Kept>) -> Self {
        match kept {
            None => Self { version: 0, items: vec![], updated_at: None, updated_by: None },
            Some(kept) => Self { version: kept.version, items: kept.items, updated_at: Some(kept.updated_at), updated_by: Some(kept.updated_by_name) },
        }
    }
}

/// Show the checklist
#[utoipa::path(get, path = "/v1/checklist", operation_id = "get_checklist", tag = "models", responses((status = 200, body = Checklist)))]
pub async fn get_checklist(mut caller: Caller<need::DeviceRead>) -> Result<Json<Checklist>, ChecklistError> {
    Ok(Json(Checklist::of(store::find(caller.scope()).await?)))
}

/// The checklist as it shall be.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetChecklist {
    /// The version that was seen (0: none): with another one than stands, nothing is changed (`stale`), unless all is as wanted already.
    version: i64,
    /// All of it, in order; at most 50.
    items: Vec<CheckItem>,
}

/// Change the checklist
///
/// It counts for what is answered from now on; what was answered keeps the words as they were asked.
#[utoipa::path(put, path = "/v1/checklist", operation_id = "set_checklist", tag = "models", request_body = SetChecklist,
    responses((status = 200, body = Checklist), (status = 409, body = crate::http::ErrorBody), (status = 422, body = crate::http::ErrorBody)))]
pub async fn set_checklist(mut caller: Caller<need::ModelWrite>, Json(body): Json<SetChecklist>) -> Result<Json<Checklist>, ChecklistError> {
    if caller.person().sight != Sight::All {
        return Err(ChecklistError::Limited);
    }
    let items = kept_items(body.items)?;
    let before = store::find(caller.scope()).await?;
    let (version, stands) = before.as_ref().map_or((0, &[][..]), |kept| (kept.version, &kept.items));
    if items == stands {
        return Ok(Json(Checklist::of(before)));
    }
    if body.version != version {
        return Err(ChecklistError::Stale);
    }
    let difference = Difference::between(stands, &items);
    let entry = Entry::new("checklist.change").detail(difference).before(&stands).after(&items);
    let after = Kept { version: version + 1, items, updated_at: caller.now(), updated_by_name: caller.person().name.clone() };
    let by = caller.person().id;
    store::put(caller.scope(), &after, by).await?;
    caller.audit(entry).await?;
    caller.commit().await?;
    Ok(Json(Checklist::of(Some(after))))
}
