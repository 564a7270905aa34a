//! Who is there: the servers, two technicians and an operator of one tenant with four apps, staff who
//! edit by REST, and a neighbour whose data nobody may ever see.

use std::{path::PathBuf, sync::Arc, time::Duration};

use omniot_tests::world::{Actor, Engine, Fleet, Phone, Server, SignIn, Tenant, World, eventually, eventually_within};
use serde_json::{Value, json};

use crate::{chronicle::Chronicle, ledger::Ledger, relay::Relay};

/// What only the neighbour's rows say.
pub const CANARY: &str = "canary-5f0c9d1e";

/// The devices within radio range.
pub const NEARBY: [&str; 3] = ["OM-N0001", "OM-N0002", "OM-N0003"];

/// Somebody with the app, behind a way of their own.
pub struct Hand {
    /// As notes call them.
    pub name: &'static str,
    /// The app's process.
    pub phone: Phone,
    /// Its way to the servers.
    pub relay: Relay,
    /// What they were told.
    pub ledger: Ledger,
    /// Whether they are a technician, who commissions and makes no sites.
    pub is_technician: bool,
    /// The same person at the server, without an app.
    pub actor: Actor,
}

/// Staff in the browser.
pub struct Staff {
    /// At the first server.
    pub actor: Actor,
    /// What they were told.
    pub ledger: Ledger,
}

/// Everybody.
pub struct Cast {
    /// The first server and its data.
    pub world: World,
    /// On PostgreSQL, another one beside it.
    pub second: Option<Server>,
    /// The devices.
    pub fleet: Option<Fleet>,
    /// Those with the app.
    pub hands: Vec<Hand>,
    /// Those without.
    pub staff: Staff,
    /// Sees everything of the tenant.
    pub owner: Actor,
    /// Works in the other tenant.
    pub neighbour: Actor,
    /// Environment of the servers.
    pub planted: Vec<(&'static str, &'static str)>,
}

impl Cast {
    /// Everybody is there, signed in, equipped and synchronized. `None` where there is no such engine.
    pub async fn meets(engine: Engine, planted: Vec<(&'static str, &'static str)>, chronicle: &Arc<Chronicle>) -> Option<Self> {
        let mut world = World::on(engine).await?;
        world.server.kill().await;
        world.server.start_with(&planted).await;
        let mut second = (engine == Engine::Postgres).then(|| world.server.beside());
        if let Some(second) = &mut second {
            second.start_with(&planted).await;
        }
        let fleet = Fleet::start(&world, &NEARBY).await;
        let tenant = world.tenant("northlift");
        let neighbour = world.tenant("verdant").operator().await;
        mark(&neighbour).await;
        let (owner, staff) = (tenant.owner().await, Staff { actor: tenant.admin().await, ledger: Ledger::of("staff") });
        let newcomer = second_technician(&world, tenant, &owner).await;
        let servers: Vec<_> = [Some(world.server.address()), second.as_ref().map(Server::address)].into_iter().flatten().collect();
        let mut hands = Vec::new();
        for (name, signin) in [("tilde", tenant.signin("technician")), ("newton", &newcomer), ("olivia", tenant.signin("operator")), ("olivia2", tenant.signin("operator"))] {
            let relay = Relay::to(&servers, name, chronicle).await;
            let phone = Phone::with_way(&world, name, &relay.origin(), Some(&fleet)).await;
            let account = json!({"server": relay.origin(), "tenant": tenant.name(), "email": signin.email, "password": signin.password});
            phone.post("/app/accounts", account).await.succeeded();
            let actor = sign_in(&world, tenant, signin).await;
            hands.push(Hand { name, phone, relay, ledger: Ledger::of(name), is_technician: signin.role == "technician", actor });
        }
        for hand in &hands {
            hand.phone.synced().await;
            eventually("grants are in store", || async { hand.phone.get("/app/sync").await.succeeded()["grants"].as_u64().filter(|grants| *grants > 0) }).await;
        }
        Some(Self { world, second, fleet: Some(fleet), hands, staff, owner, neighbour, planted })
    }

    /// The network is well, everything runs, nothing is under way any more, and everybody has synchronized;
    /// else who has not.
    pub async fn heals(&mut self) -> Result<(), String> {
        for hand in &self.hands {
            hand.relay.heals().await;
        }
        for hand in &self.hands {
            hand.ends_its_commission().await;
        }
        // The devices have nothing more to say.
        self.fleet = None;
        for hand in &self.hands {
            hand.synchronizes().await?;
        }
        // What one has pushed, those before it have not pulled yet.
        for hand in &self.hands {
            hand.synchronizes().await?;
        }
        Ok(())
    }
}

impl Hand {
    /// A commission that still runs is given up; its record is an attempt.
    async fn ends_its_commission(&self) {
        eventually_within(Duration::from_secs(60), "the commission is over", || async {
            let now = self.phone.get("/app/commissions/current").await.succeeded();
            let Some(id) = now["id"].as_str() else { return Some(()) };
            if self.phone.request("DELETE", "/app/commissions/current", Value::Null).await.status == 409 {
                self.phone.post(&format!("/app/commissions/{id}/cancel"), Value::Null).await;
            }
            None
        })
        .await;
    }

    async fn synchronizes(&self) -> Result<(), String> {
        self.phone.post("/app/sync/now", Value::Null).await.succeeded();
        let mut last = Value::Null;
        for _ in 0..600 {
            last = self.phone.get("/app/sync").await.succeeded();
            if last["state"] == "synced" && last["pending"] == 0 {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(format!("{} does not synchronize within a minute of good weather: {last}", self.name))
    }

    /// The file of its replica.
    pub fn db_file(&self) -> PathBuf {
        let accounts = self.phone.folder().join("accounts");
        let account = std::fs::read_dir(&accounts).expect("the app has accounts").flatten().next().expect("one account");
        account.path().join("replica.db")
    }

    /// All items of a list of the app.
    pub async fn all(&self, list: &str) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.phone.get(&format!("{list}?limit=200{cursor}")).await.succeeded();
            items.extend(page["items"].as_array().expect("a list has items").iter().cloned());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }
}

/// Rows that say what must never be seen elsewhere.
async fn mark(neighbour: &Actor) {
    let site = neighbour.post("/v1/sites", json!({"name": format!("{CANARY} site"), "note": CANARY, "time_zone": "UTC"})).await.succeeded();
    let model = neighbour.all("/v1/models").await[0]["id"].clone();
    for n in 0..3 {
        let device = json!({"serial": format!("{CANARY}-{n}"), "name": format!("{CANARY} device {n}"), "model_id": model, "site_id": site["id"]});
        let _ = neighbour.post("/v1/devices", device).await.succeeded();
    }
}

/// The demo has one technician; another one joins.
async fn second_technician(world: &World, tenant: Tenant<'_>, owner: &Actor) -> SignIn {
    let signin = SignIn { role: "technician".to_owned(), email: "newton@northlift.example".to_owned(), password: "nine brown teapots".to_owned() };
    let _ = owner.post("/v1/invitations", json!({"email": signin.email, "role": "technician"})).await.succeeded();
    let platform = world.operator().await;
    let tenants = platform.all("/v1/operator/tenants").await;
    let row = tenants.iter().find(|row| row["name"] == tenant.name()).expect("the operator sees the tenant");
    let mail = format!("/v1/operator/mail?tenant_id={}", row["id"].as_str().expect("an id"));
    let token = eventually("the invitation is in the mail", || async {
        let letters = platform.get(&mail).await.succeeded();
        let link = letters["items"].as_array()?.iter().find(|letter| letter["recipient"] == signin.email.as_str())?["link"].as_str()?.to_owned();
        let secret = link[link.find("omi_")?..].split('&').next()?.to_owned();
        Some(secret)
    })
    .await;
    let _ = world.anonymous().post("/v1/invitations/accept", json!({"token": token, "name": "Newton Falk", "password": signin.password})).await.succeeded();
    signin
}

async fn sign_in(world: &World, tenant: Tenant<'_>, SignIn { email, password, .. }: &SignIn) -> Actor {
    let body = json!({"tenant": tenant.name(), "email": email, "password": password, "client": "app", "label": "beside the app"});
    Actor::signed_in(&world.server.origin(), "/v1/sessions", &body).await
}
