//! `/v1/attempts/quality`.

use omniot_shared::{
    ids::{ModelId, SiteId},
    roles::need,
    time::Millis,
};
use serde::{Deserialize, Serialize};

use super::store::{self, Caused, Group, Wanted};
use crate::http::{ApiError, Caller, Json, Query};

/// The period when none is asked for.
const DAYS_30: i64 = 30 * 24 * 3_600_000;
/// The most causes of one group.
const CAUSES: usize = 5;

/// What attempts are grouped by.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = QualityBy)]
pub enum By {
    /// The model of the device.
    #[default]
    Model,
    /// What the device said it runs.
    Firmware,
    /// Version of the app.
    AppVersion,
    /// Operating system and machine of the app.
    Phone,
}

impl By {
    const fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Firmware => "firmware",
            Self::AppVersion => "app_version",
            Self::Phone => "phone",
        }
    }
}

/// Which attempts.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AskedQuality {
    /// How they are grouped.
    #[serde(default)]
    by: By,
    /// Begun then or later; 30 days before `to`.
    from: Option<Millis>,
    /// Begun before; now.
    to: Option<Millis>,
    /// At this site.
    site_id: Option<SiteId>,
}

/// How often attempts ended with a cause.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct QualityCause {
    /// A code of the catalogue.
    cause: String,
    /// How many.
    attempts: i64,
}

/// How well the attempts of a group went.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Quality {
    /// The model, when grouped by it; `null`: the device is not known here.
    model_id: Option<ModelId>,
    /// What the group is called; `null`: unknown.
    name: Option<String>,
    /// All of them.
    attempts: i64,
    /// Claimed and joined.
    succeeded: i64,
    /// Failed for good.
    failed: i64,
    /// Stopped by their technicians; they count neither way.
    cancelled: i64,
    /// The app or its machine died in the middle.
    interrupted: i64,
    /// The middle one of the times that successful attempts took; `null` without one.
    median_ms: Option<i64>,
    /// Devices that were tried.
    devices: i64,
    /// Those of them whose first attempt in the period succeeded.
    first_try: i64,
    /// The most frequent causes of failure.
    causes: Vec<QualityCause>,
}

/// How well commissioning went.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CommissioningQuality {
    /// How they are grouped.
    by: By,
    /// Attempts that began then or later.
    from: Millis,
    /// And before.
    to: Millis,
    /// All of them together.
    total: Quality,
    /// By group, those with the most attempts first.
    groups: Vec<Quality>,
}

impl Quality {
    fn of(group: Group, causes: &[Caused]) -> Self {
        let own = causes.iter().filter(|caused| (caused.model_id, &caused.word) == (group.model_id, &group.word));
        let causes = own.take(CAUSES).map(|caused| QualityCause { cause: caused.cause.clone(), attempts: caused.attempts }).collect();
        Self {
            model_id: group.model_id.map(ModelId),
            name: group.model_name.or(group.word),
            attempts: group.attempts,
            succeeded: group.succeeded,
            failed: group.failed,
            cancelled: group.cancelled,
            interrupted: group.interrupted,
            median_ms: group.median_ms,
            devices: group.devices,
            first_try: group.first_try,
            causes,
        }
    }

    /// Of no attempts.
    const fn none() -> Self {
        Self { model_id: None, name: None, attempts: 0, succeeded: 0, failed: 0, cancelled: 0, interrupted: 0, median_ms: None, devices: 0, first_try: 0, causes: Vec::new() }
    }
}

/// Show how well commissioning goes
#[utoipa::path(get, path = "/v1/attempts/quality", operation_id = "get_commissioning_quality", tag = "devices", params(AskedQuality),
    responses((status = 200, body = CommissioningQuality), (status = 400, body = crate::http::ErrorBody)))]
pub async fn get_commissioning_quality(mut caller: Caller<need::AttemptRead>, Query(asked): Query<AskedQuality>) -> Result<Json<CommissioningQuality>, ApiError> {
    let to = asked.to.unwrap_or_else(|| caller.now().plus(1));
    let from = asked.from.unwrap_or_else(|| to.plus(-DAYS_30));
    let wanted = Wanted { by: asked.by.name(), from, to, site: asked.site_id, reader: caller.person().id };
    let all = Wanted { by: "all", ..wanted };
    let (groups, causes) = (store::groups(caller.scope(), wanted).await?, store::causes(caller.scope(), wanted).await?);
    let (total, of_total) = (store::groups(caller.scope(), all).await?.pop(), store::causes(caller.scope(), all).await?);
    let total = total.map_or_else(Quality::none, |total| Quality::of(total, &of_total));
    Ok(Json(CommissioningQuality { by: asked.by, from, to, total, groups: groups.into_iter().map(|group| Quality::of(group, &causes)).collect() }))
}
