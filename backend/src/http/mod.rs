//! The HTTP edge: who calls, what they sent, what they get back.
//!
//! Deliberately not here: anything a feature decides. How to write a feature:
//!
//! ```ignore
//! /// List the sites.
//! #[utoipa::path(get, path = "/v1/sites", operation_id = "list_sites", tag = "sites", params(ListSites), responses((status = 200, body = Page<Site>)))]
//! async fn list_sites(mut caller: Caller<need::SiteRead>, Query(list): Query<ListSites>) -> Result<Page<Site>, SiteError> {
//!     let rows = store::list(caller.scope(), &list).await?;               // binds `list.limit.rows()`
//!     Ok(Page::of(rows, list.limit, |site| (site.name.clone(), site.id)))  // `list.cursor` gives that key back
//! }
//!
//! /// Create a site.
//! #[utoipa::path(post, path = "/v1/sites", operation_id = "create_site", tag = "sites", request_body = NewSite, responses((status = 201, body = Site)))]
//! async fn create_site(mut caller: Caller<need::SiteWrite>, Json(body): Json<NewSite>) -> Result<Created<Site>, SiteError> {
//!     let site = store::insert(caller.scope(), body).await?;
//!     caller.audit(Entry::new("site.create").target("site", site.id, &site.name).after(&site)).await?;
//!     caller.commit().await?;
//!     Ok(Created(site))
//! }
//!
//! pub fn router() -> OpenApiRouter<AppState> { OpenApiRouter::new().routes(routes!(list_sites, create_site)) }
//!
//! #[derive(Debug, thiserror::Error)] enum SiteError { #[error("…")] NameTaken, #[error(transparent)] Db(#[from] DbError), #[error(transparent)] Api(#[from] ApiError) }
//! impl From<SiteError> for ApiError { … }      crate::respond!(SiteError);
//! ```
//!
//! `Caller` comes first among the parameters, `Json` last. GET opens a snapshot, every other method
//! the tenant's writer; `Reader` is a `Caller` that only reads whatever the method. Two methods on
//! one path go into one `routes!(…)`.

mod caller;
mod error;
mod extract;
mod layers;
mod operator;
mod page;
mod state;
mod tags;
mod ticket;
#[cfg(test)]
mod tests;

pub use caller::{APP_SESSION_MS, Caller, Leaving, Needs, Person, Reader, SESSION_COOKIE, Session, SignedIn, WEB_SESSION_MS};
pub use error::{ApiError, ErrorBody, ErrorFact};
pub use extract::{Created, Edit, Json, NoContent, Path, Query, parse, three_state, two_state};
pub use layers::{BODY_BYTES, ClientAddress, RequestId, panicked, surround};
pub use operator::{OPERATOR_COOKIE, OPERATOR_SESSION_MS, OperatorCaller};
pub use page::{Cursor, Limit, Page};
pub use ticket::Ticket;
pub use tags::{is_known, still_stands};
pub use state::{AppState, Chance, Settings};
