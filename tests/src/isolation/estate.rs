//! The tenant under attack and the tenant that attacks.

use omniot_backend::testing::{Actor, App, Client, Tenant};
use omniot_shared::{
    ids::{ClientId, DeviceId},
    roles::Role,
};
use serde_json::{Value, json};
use uuid::Uuid;

/// Stands in every text of the tenant under attack. Whoever else receives it has found a leak.
pub const CANARY: &str = "canary-7f3e";

/// The same shape as [`CANARY`], in the tenant that attacks.
pub const OWN: &str = "ownbird-19c4";

/// A tenant with one of everything.
pub struct Estate {
    /// The tenant.
    pub tenant: Tenant,
    /// Its owner.
    pub owner: Actor,
    /// Ids of its things.
    pub site: String,
    /// A device model.
    pub model: String,
    /// A planned device.
    pub device: String,
    /// A person who is not the owner.
    pub person: String,
    /// A session of that person.
    pub session: String,
    /// An open invitation.
    pub invitation: String,
    /// A grant that was handed out.
    pub grant: String,
    /// A replica.
    pub client: String,
    /// The word in all its texts.
    pub word: &'static str,
}

fn id(answer: &Value) -> String {
    answer["id"].as_str().unwrap_or_else(|| panic!("an id in {answer}")).to_owned()
}

impl Estate {
    /// Builds it through the API, as its owner would.
    pub async fn build(app: &App, name: &str, word: &'static str) -> Self {
        let tenant = app.tenant(name).await;
        let owner = tenant.person(Role::Owner).await;
        let site = id(&owner.post("/v1/sites", json!({"name": format!("Hall {word}"), "time_zone": "UTC", "note": word})).await.expect(201));
        let model = id(&owner.post("/v1/models", json!({"name": format!("Sensor {word}"), "sku": "OM-SENSE-1", "min_security": "sec2_patch1"})).await.expect(201));
        let device = id(&owner.post("/v1/devices", json!({"serial": "OM-X0001", "name": format!("Door {word}"), "model_id": model, "site_id": site, "note": word})).await.expect(201));
        let admin = tenant.person(Role::Admin).await;
        let session = admin.get("/v1/sessions").await.expect(200)["items"][0]["id"].as_str().expect("the admin's session").to_owned();
        let invitation = id(&owner.post("/v1/invitations", json!({"email": format!("{word}@example.org"), "role": "viewer"})).await.expect(201));
        let client = ClientId(Uuid::from_u128(u128::from(name.len() as u64) << 64 | 7)).to_string();
        owner.post("/v1/grants/pack", json!({"client_id": client, "count": 1})).await.expect(200);
        let grant = id(&owner.get("/v1/grants").await.expect(200)["items"][0]);
        let person = admin.id.to_string();
        Self { tenant, owner, site, model, device, person, session, invitation, grant, client, word }
    }

    /// The id that the device of the same serial has in another tenant.
    #[must_use]
    pub fn device_in(&self, tenant: &Tenant) -> String {
        DeviceId::for_serial(tenant.id, "OM-X0001").to_string()
    }

    /// A person of that role, freshly signed in.
    pub async fn person(&self, role: Role) -> Actor {
        self.tenant.person(role).await
    }
}

/// Suspends or resumes a tenant as the operator does.
pub async fn set_suspended(operator: &Client, tenant: &Tenant, suspended: bool) {
    let path = format!("/v1/operator/tenants/{}/{}", tenant.id, if suspended { "suspend" } else { "resume" });
    let body = if suspended { json!({"reason": "attack"}) } else { json!({}) };
    let reply = operator.post(&path, body).await;
    assert!(reply.status < 300, "{path}: {reply:?}");
}
