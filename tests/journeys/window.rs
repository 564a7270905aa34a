//! The same story as a person lives it: the real window, Chromium, devices in their own process.

use std::time::Duration;

use omniot_tests::{
    on_both_engines,
    world::{Desk, Engine, Fleet, NETWORK, Phone, Window, World, eventually, eventually_within},
};
use serde_json::{Value, json};

use crate::{browser, checks, technician};

const MINE: [&str; 4] = ["OM-N0001", "OM-N0002", "OM-N0003", "OM-N0004"];
const THEIRS: &str = "OM-V0001";

/// The technician in front of the window.
struct Technician<'w> {
    window: &'w Window,
    fleet: &'w Fleet,
}

impl Technician<'_> {
    async fn signs_in(&self, world: &World) {
        let who = world.tenant("northlift").signin("technician").clone();
        for (field, text) in [("tenant", "northlift"), ("email", &who.email), ("password", &who.password)] {
            self.window.fill(field, text).await;
        }
        self.window.press("Sign in").await;
        eventually("the window is synchronized and equipped to go offline", || async {
            let sync = self.window.door("GET", "/app/sync").await?;
            (sync["state"] == "synced" && sync["grants"].as_u64() > Some(0)).then_some(())
        })
        .await;
    }

    async fn goes_to_commission(&self) {
        self.window.press_at("nav a[href='/commission']").await;
        eventually("the page is there", || async { (self.window.script("return document.querySelector('h1')?.innerText", json!([])).await == "Commission").then_some(()) }).await;
        self.window.press_at("input[name=site]").await;
        self.window.press_at(".combobox-item:not([data-disabled])").await;
        self.window.until(Duration::from_secs(30), "devices are nearby", || self.window.attribute("[data-testid^=nearby-]", "data-testid")).await;
    }

    async fn state(&self) -> String {
        self.window.attribute("[data-testid=commission]", "data-state").await.unwrap_or_default()
    }

    /// Picks the device out of those nearby and brings it to where it asks for a network or is refused.
    async fn begins(&self, serial: &str) -> String {
        // Until then the nearest still slips to the front, under a finger too.
        self.window.press_at(&format!("[data-testid=nearby][aria-busy=false] [data-testid='nearby-{serial}'] button")).await;
        self.comes_to_the_network(serial).await
    }

    /// The same with the text of its label, as a camera or a hand scanner gives it.
    async fn begins_with_label(&self, serial: &str) -> String {
        self.window.fill("label", self.fleet.label(serial)).await;
        self.window.press("Read label").await;
        self.window.reads("In range").await;
        // The way to this page is called the same.
        self.window.press_at(".range ~ .row button").await;
        self.comes_to_the_network(serial).await
    }

    /// Answers what is asked until the device asks for a network or is refused.
    async fn comes_to_the_network(&self, serial: &str) -> String {
        self.window.until(Duration::from_secs(60), &format!("{serial} asks for a network or is refused"), || async {
            match self.state().await.as_str() {
                "needs_pop" => {
                    let label: Value = serde_json::from_str(self.fleet.label(serial)).expect("a label is JSON");
                    self.window.fill("pop", label["pop"].as_str().expect("a label has a PoP")).await;
                    self.window.press("Continue").await;
                    self.leaves("needs_pop").await;
                    None
                }
                "needs_confirm" => {
                    self.window.press("Yes, it blinks").await;
                    self.leaves("needs_confirm").await;
                    None
                }
                "" | "running" => None,
                state => Some(state.to_owned()),
            }
        })
        .await
    }

    async fn joins_with(&self, passphrase: &str) {
        self.window.press_at(&format!("[data-ssid='{}'] input", NETWORK.0)).await;
        self.window.fill("passphrase", passphrase).await;
        // Asked for each device anew, so that the story can go wrong at the second.
        if self.window.script("return document.querySelector('[name=remember]').checked", json!([])).await == true {
            self.window.press_at("[name=remember]").await;
        }
        self.window.press("Join network").await;
        self.leaves("needs_network").await;
    }

    /// Waits until the page has taken over that the question is answered.
    async fn leaves(&self, question: &str) {
        self.window.until(Duration::from_secs(20), &format!("the commission leaves {question}"), || async { (self.state().await != question).then_some(()) }).await;
    }

    async fn reaches(&self, wanted: &str) {
        self.window.until(Duration::from_secs(60), &format!("the commission is {wanted}"), || async { (self.state().await == wanted).then_some(()) }).await;
    }

    async fn commissions(&self, serial: &str) {
        assert_eq!(self.begins(serial).await, "needs_network", "{serial}");
        self.joins_with(NETWORK.1).await;
        self.reaches("succeeded").await;
        self.window.press("Next device").await;
    }
}

/// The device of the other tenant is really theirs: their technician has commissioned it.
async fn the_neighbour_owns(world: &World, fleet: &Fleet, serial: &str) {
    let neighbour = Phone::new(world, "neighbour", Some(fleet)).await;
    neighbour.sign_in(world.tenant("verdant"), "technician").await;
    technician::is_equipped(&neighbour).await;
    let site = technician::first_site(&neighbour).await;
    technician::commissions(&neighbour, fleet, serial, &site).await;
    neighbour.synced().await;
    fleet.control(serial, "button", json!({})).await;
}

async fn a_person_works_offline_in_the_real_window(world: World) {
    let (north, verdant) = (world.tenant("northlift"), world.tenant("verdant"));
    let engine = match world.engine() {
        Engine::Sqlite => "sqlite",
        Engine::Postgres => "postgres",
    };
    let fleet = Fleet::start(&world, &[&MINE[..], &[THEIRS]].concat()).await;
    let Some(desk) = Desk::new(&world, "desk", &fleet).await else { return };
    the_neighbour_owns(&world, &fleet, THEIRS).await;

    let window = desk.open().await;
    let person = Technician { window: &window, fleet: &fleet };
    person.signs_in(&world).await;
    desk.picture(&format!("window-{engine}-1-devices")).await;
    world.network.cut();
    person.goes_to_commission().await;
    desk.picture(&format!("window-{engine}-2-nearby")).await;
    person.commissions(MINE[0]).await;

    assert_eq!(person.begins(MINE[1]).await, "needs_network");
    person.joins_with("not the password").await;
    eventually_within(Duration::from_secs(60), "the wrong password is said beside the field", || async { window.attribute("[data-testid=failure]", "data-testid").await }).await;
    person.reaches("needs_network").await;
    desk.picture(&format!("window-{engine}-3-wrong-password")).await;
    person.joins_with(NETWORK.1).await;
    person.reaches("succeeded").await;
    window.press("Next device").await;

    assert_eq!(person.begins_with_label(MINE[2]).await, "needs_network");
    person.joins_with(NETWORK.1).await;
    person.reaches("succeeded").await;
    window.press("Next device").await;

    assert_eq!(person.begins(THEIRS).await, "failed");
    window.reads("another organization").await;
    desk.picture(&format!("window-{engine}-4-refused")).await;
    window.press("Next device").await;

    assert_eq!(person.begins(MINE[3]).await, "needs_network");
    desk.picture(&format!("window-{engine}-5-before-the-kill")).await;
    window.kill().await;

    let window = desk.open().await;
    eventually("the window knows that it is offline", || async { window.attribute("[data-testid=sync]", "data-state").await.filter(|state| state == "offline") }).await;
    window.press_at("nav a[href='/commission']").await;
    window.reads("interrupted").await;
    desk.picture(&format!("window-{engine}-6-after-the-kill")).await;
    world.network.restore();
    eventually_within(Duration::from_secs(60), "everything has left the window", || async { window.attribute("[data-testid=sync]", "data-pending").await.filter(|pending| pending == "0") }).await;

    checks::story_has_arrived(&world, north, verdant, &MINE, THEIRS).await;
    checks::secrets_are_nowhere(&world, &fleet, &[&MINE[..], &[THEIRS]].concat());
    browser::staff_look(&world, engine, &MINE[..3]).await;
}

/// Closing loses no word: what saves itself is saved first, and about what does not somebody is asked.
async fn a_window_that_is_closed_takes_nothing_with_it(world: World) {
    let fleet = Fleet::start(&world, &MINE[..1]).await;
    let Some(desk) = Desk::new(&world, "desk", &fleet).await else { return };
    let window = desk.open().await;
    let person = Technician { window: &window, fleet: &fleet };
    person.signs_in(&world).await;
    world.network.cut();
    person.goes_to_commission().await;
    assert_eq!(person.begins(MINE[0]).await, "needs_network");
    person.joins_with(NETWORK.1).await;
    person.reaches("succeeded").await;
    let note = window.until(Duration::from_secs(30), "a note can be written", || window.attribute("textarea[name^='note-']", "name")).await;
    window.fill(&note, "Behind the boiler").await;
    desk.click_cross();
    window.ended().await;

    let window = desk.open().await;
    let attempt = note.trim_start_matches("note-");
    let path = format!("/app/attempts/{attempt}/checks");
    let kept = window.until(Duration::from_secs(30), "the note is read", || window.door("GET", &path)).await;
    assert_eq!(kept.pointer("/record/note"), Some(&json!("Behind the boiler")), "{kept}");

    window.press_at("nav a[href='/devices']").await;
    window.press("Add device").await;
    window.fill("name", "Cold store").await;
    desk.click_cross();
    window.reads("Close although something is not saved?").await;
    desk.picture("window-closing").await;
    // The form beneath has a button of that name, too.
    window.press_at(".dialog .actions button[type=button]").await;
    window.until(Duration::from_secs(10), "what was typed still stands there", || async {
        (window.script("return document.querySelector('input[name=name]')?.value", json!([])).await == "Cold store").then_some(())
    })
    .await;
    desk.click_cross();
    window.press_to_end("Close without saving").await;
}

async fn an_invitation_link_opens_in_the_window_that_is_there(world: World) {
    let fleet = Fleet::start(&world, &MINE[..1]).await;
    let Some(desk) = Desk::new(&world, "desk", &fleet).await else { return };
    let window = desk.open().await;
    window.reads("Sign in").await;

    let north = world.tenant("northlift");
    north.admin().await.post("/v1/invitations", json!({"email": "new@northlift.example", "role": "viewer"})).await.succeeded();
    let operator = world.operator().await;
    let tenants = operator.all("/v1/operator/tenants").await;
    let id = tenants.iter().find(|tenant| tenant["name"] == "northlift").and_then(|tenant| tenant["id"].as_str()).expect("the operator sees the tenant");
    let mails = operator.all(&format!("/v1/operator/mail?tenant_id={id}")).await;
    let mail = mails.iter().find(|mail| mail["recipient"] == "new@northlift.example").unwrap_or_else(|| panic!("the invitation is in the outbox: {mails:?}"));
    let link = mail["link"].as_str().expect("a letter of invitation has a link");
    let token = link.split("token=").nth(1).and_then(|rest| rest.split('&').next()).expect("the link carries a token");

    desk.click_link(&format!("omniot://invitation?token={token}&server={}&tenant=northlift", world.network.origin())).await;
    window.reads("new@northlift.example").await;
    desk.picture("window-invitation").await;
}

on_both_engines!(a_person_works_offline_in_the_real_window, a_window_that_is_closed_takes_nothing_with_it, an_invitation_link_opens_in_the_window_that_is_there);
