//! What an administrator does meanwhile: one person works here and there, as this and that, and old departures are forgotten.
//!
//! All of it from one seed, and through the API, but for the age of departures: ninety days do not pass in two.

use std::{cell::RefCell, collections::BTreeSet, rc::Rc, time::Duration};

use omniot_backend::testing::{Actor, Tenant};
use omniot_shared::{ids::SiteId, roles::Role, sync::Sight};
use rand::{RngExt as _, rngs::StdRng};
use serde_json::json;

use crate::{server::Real, tablet::Tablet};

/// Something that is decided about a person, or about everybody's departures.
#[derive(Debug, Clone)]
pub enum Act {
    /// They work everywhere.
    Everywhere,
    /// At each site that there is by then they work, or not.
    Somewhere(Vec<bool>),
    /// They are this from now on.
    Is(Role),
    /// All departures are older than a replica may be away for.
    Forget,
}

/// What is decided until `until`; the last of it leaves the person at some sites, as an operator.
pub fn diary(rng: &mut StdRng, until: Duration) -> Vec<(Duration, Act)> {
    let mut acts = vec![];
    let mut at = Duration::ZERO;
    let somewhere = |rng: &mut StdRng| Act::Somewhere((0..16).map(|_| rng.random_bool(0.5)).collect());
    loop {
        at += Duration::from_secs(rng.random_range(600..4 * 3_600));
        if at >= until {
            break;
        }
        let act = match rng.random_range(0..8) {
            0 => Act::Everywhere,
            1 => Act::Is(Role::Viewer),
            2 => Act::Is(Role::Technician),
            3 => Act::Is(Role::Operator),
            4 => Act::Forget,
            _ => somewhere(rng),
        };
        acts.push((at, act));
    }
    acts.extend([(until, Act::Is(Role::Operator)), (until, somewhere(rng))]);
    acts
}

impl Act {
    /// Does it, and writes down what the person sees from now on.
    pub fn happens(self, real: &Real, tenant: &Tenant, admin: &Actor, person: &Rc<RefCell<Tablet>>, elapsed: Duration) {
        let id = person.borrow().who.person;
        let (tenant, admin) = (tenant.clone(), admin.clone());
        let sight = real.run(async move |app| {
            Real::keep_time(&app, elapsed);
            let sites = |sight: Option<&BTreeSet<SiteId>>| (format!("/v1/people/{id}/sites"), json!({"sites": sight}));
            match self {
                Self::Everywhere => {
                    let (path, body) = sites(None);
                    admin.put(&path, body).await.expect(200);
                    Some(Sight::All)
                }
                Self::Somewhere(chosen) => {
                    let all = admin.get("/v1/sites?limit=200").await.expect(200);
                    let ids = all["items"].as_array().expect("a list").iter().map(|site| serde_json::from_value::<SiteId>(site["id"].clone()).expect("an id"));
                    let theirs: BTreeSet<SiteId> = ids.zip(chosen.iter().cycle()).filter_map(|(id, is_theirs)| is_theirs.then_some(id)).collect();
                    let (path, body) = sites(Some(&theirs));
                    admin.put(&path, body).await.expect(200);
                    Some(Sight::Sites(theirs))
                }
                Self::Is(role) => {
                    admin.patch(&format!("/v1/people/{id}"), json!({"role": role})).await.expect(200);
                    None
                }
                Self::Forget => {
                    let mut scope = tenant.db_write().await;
                    scope.query("update tombstone set at = 0 where tenant_id = $1").execute().await.expect("they are old");
                    scope.commit().await.expect("a commit");
                    None
                }
            }
        });
        let mut person = person.borrow_mut();
        person.trace.push(format!("{elapsed:?} sees {sight:?}"));
        person.sights.extend(sight);
    }
}
