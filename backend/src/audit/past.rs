//! The past of one thing: a page of the log's entries about it, newest first, for whoever may see the thing.
//!
//! Deliberately not here: whether they may (the feature that has the thing).

use std::fmt::Display;

use serde::Deserialize;

use super::{Change, store};
use crate::{
    db::Scope,
    http::{ApiError, Cursor, Limit, Page},
};

/// Where a page of something's past begins.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListPast {
    /// At most so many.
    #[serde(default)]
    pub limit: Limit,
    /// After which.
    pub cursor: Option<Cursor>,
}

/// A page of what happened to `target`.
///
/// # Errors
/// A cursor of another list, or whatever the store says.
pub async fn page(scope: &mut Scope, target: impl Display, list: ListPast) -> Result<Page<Change>, ApiError> {
    let before = list.cursor.map(|cursor| cursor.key::<i64>()).transpose()?;
    let wanted = store::Wanted { target_id: Some(target.to_string()), before, ..store::Wanted::default() };
    let rows = store::list(scope, &wanted, list.limit.rows()).await?;
    Ok(Page::of(rows, list.limit, store::Seen::n).map(Change::from))
}
