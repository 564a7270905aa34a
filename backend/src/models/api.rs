//! `/v1/models`.

use axum::extract::State;
use omniot_shared::{
    entities::{DeviceModel, Security},
    fold::like_pattern,
    ids::ModelId,
    roles::need,
    sync::{
        Change, Row,
        intent::{self, ModelPatch, ModelUpdate},
    },
};
use serde::Deserialize;
use uuid::Uuid;

use super::store;
use crate::{
    audit::{self, past::ListPast},
    db::DbError,
    http::{ApiError, AppState, Caller, Created, Cursor, Edit, Json, Limit, Page, Path, Query},
    sync::{self, ExecuteError, Executed},
};

/// Why something about device models was refused.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// There is no such model here.
    #[error("there is no such model")]
    NotFound,
    /// The rules refuse the change, or the store failed.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// The store.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The edge refused already.
    #[error("{}", .0.detail)]
    Api(ApiError),
}

impl From<ApiError> for ModelError {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<ModelError> for ApiError {
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::NotFound => Self::not_found(),
            ModelError::Execute(error) => error.into(),
            ModelError::Db(error) => error.into(),
            ModelError::Api(error) => error,
        }
    }
}

crate::respond!(ModelError);

/// Which models.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListModels {
    #[serde(default)]
    limit: Limit,
    cursor: Option<Cursor>,
    /// In name or SKU, folded.
    q: Option<String>,
}

/// List the device models
#[utoipa::path(get, path = "/v1/models", operation_id = "list_models", tag = "models", params(ListModels), responses((status = 200, body = Page<DeviceModel>)))]
pub async fn list_models(mut caller: Caller<need::ModelRead>, Query(list): Query<ListModels>) -> Result<Page<DeviceModel>, ModelError> {
    let after = list.cursor.map(|cursor| cursor.key::<(String, Uuid)>()).transpose()?;
    let rows = store::list(caller.scope(), list.q.as_deref().and_then(like_pattern), after, list.limit.rows()).await?;
    page(rows, list.limit)
}

fn page(rows: Vec<store::Listed>, limit: Limit) -> Result<Page<DeviceModel>, ModelError> {
    let Page { items, next } = Page::of(rows, limit, store::Listed::key);
    Ok(Page { items: items.into_iter().map(DeviceModel::try_from).collect::<Result<_, _>>()?, next })
}

/// A new kind of device.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateModel {
    /// Made by the client (UUIDv7), so that a repeated call is noticed; else by the server.
    id: Option<ModelId>,
    /// 1–120 characters.
    name: String,
    /// What the device itself reports, 1–60 characters.
    sku: String,
    /// The weakest protection of the radio session to accept.
    min_security: Security,
}

/// Create a device model
#[utoipa::path(post, path = "/v1/models", operation_id = "create_model", tag = "models", request_body = CreateModel,
    responses((status = 201, body = DeviceModel), (status = 409, body = crate::http::ErrorBody), (status = 422, body = crate::http::ErrorBody)))]
pub async fn create_model(mut caller: Caller<need::ModelWrite>, State(state): State<AppState>, Json(body): Json<CreateModel>) -> Result<Created<DeviceModel>, ModelError> {
    let CreateModel { id, name, sku, min_security } = body;
    let id = id.unwrap_or_else(|| state.new_id());
    let done = sync::execute(&mut caller, Change::ModelCreate(intent::NewModel { id, name, sku, min_security })).await?;
    caller.commit().await?;
    model(done).map(Created)
}

fn model(done: Executed) -> Result<DeviceModel, ModelError> {
    match done.row {
        Row::Model(model) => Ok(model),
        other => Err(ApiError::internal(&format!("a change of a device model gave {:?}", other.key())).into()),
    }
}

/// Show a device model
#[utoipa::path(get, path = "/v1/models/{id}", operation_id = "get_model", tag = "models", params(("id" = ModelId, Path)),
    responses((status = 200, body = DeviceModel), (status = 404, body = crate::http::ErrorBody)))]
pub async fn get_model(mut caller: Caller<need::ModelRead>, Path(id): Path<ModelId>) -> Result<Json<DeviceModel>, ModelError> {
    store::find(caller.scope(), id).await?.map(Json).ok_or(ModelError::NotFound)
}

/// List the changes of a device model, newest first
#[utoipa::path(get, path = "/v1/models/{id}/changes", operation_id = "list_model_changes", tag = "models", params(("id" = ModelId, Path), ListPast),
    responses((status = 200, body = Page<audit::Change>), (status = 404, body = crate::http::ErrorBody)))]
pub async fn list_model_changes(mut caller: Caller<need::ModelRead>, Path(id): Path<ModelId>, Query(list): Query<ListPast>) -> Result<Page<audit::Change>, ModelError> {
    store::find(caller.scope(), id).await?.ok_or(ModelError::NotFound)?;
    Ok(audit::past::page(caller.scope(), id, list).await?)
}

/// Of `ModelPatch`, with what its form showed.
type ModelEdit = Edit<ModelPatch>;

/// Edit a device model
#[utoipa::path(patch, path = "/v1/models/{id}", operation_id = "update_model", tag = "models", params(("id" = ModelId, Path)), request_body = ModelEdit,
    responses((status = 200, body = DeviceModel), (status = 404, body = crate::http::ErrorBody), (status = 409, body = crate::http::ErrorBody), (status = 422, body = crate::http::ErrorBody)))]
pub async fn update_model(mut caller: Caller<need::ModelWrite>, Path(id): Path<ModelId>, Edit { patch, was }: ModelEdit) -> Result<Json<DeviceModel>, ModelError> {
    let done = sync::execute_over(&mut caller, Change::ModelUpdate(ModelUpdate { id, patch }), &was).await?;
    caller.commit().await?;
    model(done).map(Json)
}
