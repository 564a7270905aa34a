//! `omniot demo`: an operator and two tenants to try everything with. A second run changes nothing.

mod day;

use std::collections::BTreeMap;

use anyhow::bail;
use clap::Args;
use omniot_shared::{
    roles::Role,
    sync::{Actor, Change, Who, intent::NewDevice},
};
use serde::{Deserialize, Serialize};
use tracing::{instrument::WithSubscriber as _, subscriber::NoSubscriber};

use day::{Day, Past};

use super::{Store, commands::add_operator, say, store};
use crate::{
    audit::Author,
    console::store as operators,
    db::Scope,
    http::{ApiError, AppState},
    identity::{self, By, NewPerson},
    sync,
    tenancy::{self, Furniture, NewTenant},
};

const DEMO: &str = include_str!("../../demo/demo.toml");

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    #[command(flatten)]
    store: Store,
    /// Print one JSON document instead of lines for people.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Demo {
    password: String,
    operator: DemoOperator,
    tenants: Vec<DemoTenant>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DemoOperator {
    email: String,
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DemoTenant {
    name: String,
    display_name: String,
    template: String,
    /// The model of the planned devices.
    sku: String,
    /// What their serials begin with.
    serials: String,
    people: BTreeMap<Role, String>,
    /// What the devices are named after; two sites share the list.
    places: Vec<String>,
    /// Those that were commissioned yesterday and report since.
    reporting: Vec<String>,
    /// Around which the temperature of these swings, in °C.
    temperature: f64,
}

#[derive(Debug, Serialize)]
struct SignIn<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    name: &'a str,
    email: String,
    password: &'a str,
}

#[derive(Debug, Serialize)]
struct TenantSignIns<'a> {
    name: &'a str,
    display_name: &'a str,
    people: Vec<SignIn<'a>>,
}

#[derive(Debug, Serialize)]
struct SignIns<'a> {
    operator: SignIn<'a>,
    tenants: Vec<TenantSignIns<'a>>,
}

impl Demo {
    fn sign_ins(&self) -> SignIns<'_> {
        let person = |tenant: &DemoTenant, role: Role| format!("{}@{}.example", role.name(), tenant.name);
        let tenants = self.tenants.iter().map(|tenant| TenantSignIns {
            name: &tenant.name,
            display_name: &tenant.display_name,
            people: tenant.people.iter().map(|(role, name)| SignIn { role: Some(role.name()), name, email: person(tenant, *role), password: &self.password }).collect(),
        });
        let operator = SignIn { role: None, name: &self.operator.name, email: self.operator.email.clone(), password: &self.password };
        SignIns { operator, tenants: tenants.collect() }
    }
}

pub(super) async fn demo(args: DemoArgs) -> anyhow::Result<()> {
    let demo: Demo = toml::from_str(DEMO)?;
    let state = args.store.open().await?;
    let known = operators::by_email(&mut state.db.control_read().await?, &demo.operator.email).await?;
    if known.is_none() {
        refuse_others(&state, &demo).await?;
        add_operator(&state, &demo.operator.email, &demo.operator.name, &demo.password).await?;
    }
    for tenant in &demo.tenants {
        if tenancy::find_tenant(&state.db, &tenant.name).await?.is_none() {
            seed(&Past::of(&state, day::DAY_MS), tenant, &demo.password).await?;
        }
    }
    state.db.close().await;
    print(&demo, args.json)
}

/// The demo's passwords are published: it begins where nobody else lives. (Who comes later knows that.)
async fn refuse_others(state: &AppState, demo: &Demo) -> anyhow::Result<()> {
    let mut control = state.db.control_read().await?;
    if store::other_operators(&mut control, &demo.operator.email).await? > 0 {
        bail!("this deployment has operators of its own, and the demo's passwords are published: choose an empty data folder or database");
    }
    let mut wanted = tenancy::store::Wanted { rows: 200, ..Default::default() };
    let mut stranger = None;
    while stranger.is_none() {
        let page = tenancy::store::list(&mut control, &wanted).await?;
        let Some(last) = page.last() else { break };
        wanted.after = Some(last.name.clone());
        stranger = page.into_iter().find(|tenant| demo.tenants.iter().all(|ours| ours.name != tenant.name));
    }
    if let Some(tenant) = stranger {
        bail!("this deployment holds the tenant {}, and the demo's passwords are published: choose an empty data folder or database", tenant.name);
    }
    Ok(())
}

/// A tenant that was made yesterday.
async fn seed(past: &Past, tenant: &DemoTenant, password: &str) -> anyhow::Result<()> {
    let state = &past.state;
    let author = Author::system("demo");
    let new = NewTenant { name: tenant.name.clone(), display_name: tenant.display_name.clone(), template: tenant.template.clone() };
    let furnish = async |scope: &mut Scope, furniture: &Furniture| -> Result<(), ApiError> {
        let by = By { author: &author, request_id: None };
        for (role, name) in &tenant.people {
            let email = format!("{}@{}.example", role.name(), tenant.name);
            identity::add_person(scope, state, by, NewPerson { name, email: &email, role: *role, password }).await?;
        }
        plan(state, scope, &author, tenant, furniture).await
    };
    tenancy::provision(state, &author, None, new, furnish).await?;
    let email = format!("{}@{}.example", Role::Technician.name(), tenant.name);
    let day = Day { tenant: &tenant.name, email: &email, password, model: &tenant.sku, serials: &tenant.reporting, temperature: tenant.temperature };
    // Nobody wants to read how a hundred requests were answered; one that fails is said.
    day.play(past).with_subscriber(NoSubscriber::default()).await
}

/// The devices that are expected at the tenant's sites, half of them at each of two.
async fn plan(state: &AppState, scope: &mut Scope, author: &Author, tenant: &DemoTenant, furniture: &Furniture) -> Result<(), ApiError> {
    let model = furniture.models.iter().find(|(sku, _)| *sku == tenant.sku).map(|(_, id)| *id);
    let model_id = model.ok_or_else(|| ApiError::internal(&"the demo names a model that its template lacks"))?;
    let actor = Actor { tenant: scope.tenant(), who: Who::System, now: state.now() };
    for (at, site_id) in furniture.sites.iter().enumerate().take(2) {
        for (i, place) in tenant.places.iter().enumerate() {
            let number = at * tenant.places.len() + i + 1;
            let serial = format!("{}{number:04}", tenant.serials);
            let new = NewDevice { serial, name: format!("{place} {}", at + 1), model_id, site_id: Some(*site_id), note: None };
            sync::execute_as(scope, &actor, author, None, Change::DeviceCreate(new)).await?;
        }
    }
    Ok(())
}

fn print(demo: &Demo, json: bool) -> anyhow::Result<()> {
    let sign_ins = demo.sign_ins();
    if json {
        say(&serde_json::to_string(&sign_ins)?)?;
        return Ok(());
    }
    say(&format!("operator    {}", sign_ins.operator.email))?;
    for tenant in &sign_ins.tenants {
        say(&format!("\n{} (organization: {})", tenant.display_name, tenant.name))?;
        for person in &tenant.people {
            say(&format!("  {:<11} {}", person.role.unwrap_or_default(), person.email))?;
        }
    }
    say(&format!("\npassword of all: {}", demo.password))?;
    Ok(())
}
