//! The SQL that reads sites. Writing them is `sync`'s.

use omniot_shared::{entities::Site, ids::{PersonId, SiteId}};
use uuid::Uuid;

use crate::{
    db::{DbError, Scope},
    sync::store::SiteRow,
};

/// A site and what lists are sorted by.
#[derive(Debug, sqlx::FromRow)]
pub struct Listed {
    #[sqlx(flatten)]
    site: SiteRow,
    search_text: String,
}

impl Listed {
    /// The key of the list.
    pub fn key(&self) -> (String, Uuid) {
        (self.search_text.clone(), self.site.id)
    }
}

impl From<Listed> for Site {
    fn from(listed: Listed) -> Self {
        listed.site.into()
    }
}

const LIST: &str = "
    select id, seq, stamps, name, address, time_zone, note, created_at, search_text from site
    where tenant_id = $1
      and (cast($2 as text) is null or search_text like $2 escape '\\')
      and (search_text, id) > ($3, $4)
      and (exists (select 1 from person p where p.tenant_id = $1 and p.id = $6 and (p.sites = 'all' or p.role in ('owner', 'admin')))
           or exists (select 1 from person_site v where v.tenant_id = $1 and v.person_id = $6 and v.site_id = site.id)
           or exists (select 1 from person_site_group w join site_group_site v on v.tenant_id = w.tenant_id and v.group_id = w.group_id
                      where w.tenant_id = $1 and w.person_id = $6 and v.site_id = site.id))
    order by search_text, id
    limit $5";

/// A page of the sites that `reader` sees, by name.
pub async fn list(scope: &mut Scope, reader: PersonId, pattern: Option<String>, after: Option<(String, Uuid)>, rows: i64) -> Result<Vec<Listed>, DbError> {
    // Before every name: the first page.
    let (text, id) = after.unwrap_or_default();
    scope.query(LIST).bind(pattern).bind(text).bind(id).bind(rows).bind(reader).all().await
}

const FIND: &str = "select id, seq, stamps, name, address, time_zone, note, created_at from site where tenant_id = $1 and id = $2";

/// The site of that id.
pub async fn find(scope: &mut Scope, id: SiteId) -> Result<Option<Site>, DbError> {
    Ok(scope.query(FIND).bind(id).optional::<SiteRow>().await?.map(Site::from))
}
