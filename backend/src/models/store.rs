//! The SQL that reads device models. Writing them is `sync`'s.

use omniot_shared::{entities::DeviceModel, ids::ModelId};
use uuid::Uuid;

use crate::{
    db::{DbError, Scope},
    sync::store::ModelRow,
};

/// A model and what lists are sorted by.
#[derive(Debug, sqlx::FromRow)]
pub struct Listed {
    #[sqlx(flatten)]
    model: ModelRow,
    search_text: String,
}

impl Listed {
    /// The key of the list.
    pub fn key(&self) -> (String, Uuid) {
        (self.search_text.clone(), self.model.id)
    }
}

impl TryFrom<Listed> for DeviceModel {
    type Error = DbError;
    fn try_from(listed: Listed) -> Result<Self, DbError> {
        listed.model.try_into()
    }
}

const LIST: &str = "
    select id, seq, stamps, name, sku, min_security, created_at, search_text from device_model
    where tenant_id = $1
      and (cast($2 as text) is null or search_text like $2 escape '\\')
      and (search_text, id) > ($3, $4)
    order by search_text, id
    limit $5";

/// A page of models by name.
pub async fn list(scope: &mut Scope, pattern: Option<String>, after: Option<(String, Uuid)>, rows: i64) -> Result<Vec<Listed>, DbError> {
    // Before every name: the first page.
    let (text, id) = after.unwrap_or_default();
    scope.query(LIST).bind(pattern).bind(text).bind(id).bind(rows).all().await
}

const FIND: &str = "select id, seq, stamps, name, sku, min_security, created_at from device_model where tenant_id = $1 and id = $2";

/// The model of that id.
pub async fn find(scope: &mut Scope, id: ModelId) -> Result<Option<DeviceModel>, DbError> {
    scope.query(FIND).bind(id).optional::<ModelRow>().await?.map(DeviceModel::try_from).transpose()
}
