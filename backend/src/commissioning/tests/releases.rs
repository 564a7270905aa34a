use omniot_shared::{
    claim::{Letter, PublicKey, owner},
    ids::DeviceId,
    roles::Role,
};
use serde_json::{Value, json};

use super::{
    Device,
    device::{challenge, pack},
};
use crate::{
    commissioning::releases::RELEASE_MS,
    testing::{Actor, App, Client, Reply, Tenant},
};

/// Two tenants on one server, and a device of the first one that has been in contact.
struct Story {
    app: App,
    acme: Tenant,
    bolt: Tenant,
    owner: Actor,
    device: Device,
    id: DeviceId,
    credential: Client,
}

impl Story {
    async fn of(app: &App) -> Self {
        let (acme, bolt) = (app.tenant("acme").await, app.tenant("bolt").await);
        let owner = acme.person(Role::Owner).await;
        let mut device = Device::new("OM-1");
        device.take(&pack(&acme.person(Role::Technician).await, 5, 1).await[0], None);
        let answer = app.nobody().post("/v1/device/claim", device.claim(&acme).await).await.expect(200);
        let credential = app.bearer(answer["credential"].as_str().unwrap());
        credential.post("/v1/device/heartbeat", json!({ "readings": {} })).await.expect(200);
        Self { id: DeviceId::for_serial(acme.id, "OM-1"), app: app.clone(), acme, bolt, owner, device, credential }
    }

    fn path(&self) -> String {
        format!("/v1/devices/{}/release", self.id)
    }

    async fn release(&self) -> Letter {
        Letter::parse(self.owner.post(&self.path(), json!({})).await.expect(200)["text"].as_str().unwrap()).unwrap()
    }

    async fn shown(&self) -> Value {
        self.owner.get(&format!("/v1/devices/{}", self.id)).await.expect(200)
    }

    /// The other tenant's technician, with a grant, before the device.
    async fn take_over(&mut self, letter: Option<&Letter>) -> Result<(), owner::Refusal> {
        let grants = pack(&self.bolt.person(Role::Technician).await, 6, 1).await;
        self.device.try_take(&grants[0], None, letter)
    }

    async fn tell(&self) -> Reply {
        let body = self.device.handover_over(&challenge(&self.app, &self.acme.id.to_string()).await);
        self.app.nobody().post("/v1/device/handover", body).await
    }

    async fn beat(&self) -> Reply {
        self.credential.post("/v1/device/heartbeat", json!({ "readings": {}, "reports_to": "https://omniot.example", "heard": 0 })).await
    }

    async fn audited(&self, action: &str) -> usize {
        self.owner.get(&format!("/v1/audit?action={action}")).await.expect(200)["items"].as_array().unwrap().len()
    }
}

#[tokio::test]
async fn a_released_device_goes_to_the_other_tenant_and_its_owner_hears_of_it() {
    for app in App::both().await {
        let mut story = Story::of(&app).await;
        assert!(matches!(story.take_over(None).await, Err(owner::Refusal::OwnedByAnother(_))));
        let letter = story.release().await;
        assert_eq!(story.shown().await["release"]["state"], "open");
        assert_eq!(story.take_over(Some(&letter)).await, Ok(()));
        let theirs = app.nobody().post("/v1/device/claim", story.device.claim(&story.bolt).await).await.expect(200);
        app.bearer(theirs["credential"].as_str().unwrap()).post("/v1/device/heartbeat", json!({ "readings": {} })).await.expect(200);
        assert_eq!(theirs["device_id"], json!(DeviceId::for_serial(story.bolt.id, "OM-1")), "{}", app.engine);
        story.beat().await.expect(200);
        for _ in 0..2 {
            story.tell().await.expect(204);
        }
        assert_eq!(story.beat().await.refusal(), (401, "not_signed_in".into()), "its credential is dead");
        let shown = story.shown().await;
        assert_eq!((&shown["release"]["state"], &shown["handed_over_at"]), (&json!("used"), &json!(app.state.now())));
        assert_eq!((story.audited("device.release").await, story.audited("device.hand_over").await), (1, 1), "told twice, it happened once");
        assert_eq!(story.owner.post(&story.path(), json!({})).await.refusal(), (409, "state_conflict".into()), "it is not theirs to let go any more");
        assert_eq!(story.owner.delete(&story.path()).await.refusal(), (409, "state_conflict".into()));
    }
}

#[tokio::test]
async fn a_device_that_comes_back_is_its_former_owners_again() {
    for app in App::both().await {
        let mut story = Story::of(&app).await;
        let letter = story.release().await;
        story.take_over(Some(&letter)).await.unwrap();
        app.nobody().post("/v1/device/claim", story.device.claim(&story.bolt).await).await.expect(200);
        story.tell().await.expect(204);
        let theirs = story.bolt.person(Role::Owner).await.post(&format!("/v1/devices/{}/release", DeviceId::for_serial(story.bolt.id, "OM-1")), json!({})).await.expect(200);
        let back = Letter::parse(theirs["text"].as_str().unwrap()).unwrap();
        let grants = pack(&story.acme.person(Role::Technician).await, 7, 1).await;
        story.device.try_take(&grants[0], None, Some(&back)).unwrap();
        app.nobody().post("/v1/device/claim", story.device.claim(&story.acme).await).await.expect(200);
        let shown = story.shown().await;
        assert_eq!((&shown["handed_over_at"], &shown["release"]["state"]), (&json!(null), &json!("void")), "{}", app.engine);
        assert!(matches!(story.take_over(Some(&letter)).await, Err(owner::Refusal::BadRelease)), "the first release is dead");
    }
}

#[tokio::test]
async fn a_release_is_given_again_until_it_is_taken_back_and_the_device_hears_of_that() {
    for app in App::both().await {
        let mut story = Story::of(&app).await;
        let letter = story.release().await;
        app.pass(1_000);
        assert_eq!(story.release().await, letter, "{}", app.engine);
        assert_eq!(story.beat().await.expect(200)["notice"], json!(null), "there is nothing to tell");
        for _ in 0..2 {
            story.owner.delete(&story.path()).await.expect(204);
        }
        assert_eq!(story.shown().await["release"]["state"], "withdrawn");
        assert_eq!(story.audited("device.release_withdraw").await, 1);
        let notice = super::notices::notice(&story.beat().await.expect(200)).unwrap();
        story.device.state = story.device.state.hear("OM-1", &notice).unwrap();
        assert_eq!(story.take_over(Some(&letter)).await, Err(owner::Refusal::BadRelease));
        let another = story.release().await;
        assert_eq!(story.take_over(Some(&another)).await, Ok(()), "what is signed later is good");
    }
}

/// Other electronics in the same housing, claimed and let in; it has heard what its owner tells it.
async fn replaced(story: &Story) -> Device {
    let mut board = Device { key: ed25519_dalek::SigningKey::from_bytes(&[9; 32]), ..Device::new("OM-1") };
    board.take(&pack(&story.acme.person(Role::Technician).await, 8, 1).await[0], None);
    story.app.pass(1);
    let claim = async || story.app.nobody().post("/v1/device/claim", board.claim(&story.acme).await).await;
    assert_eq!(claim().await.refusal(), (409, "key_mismatch".into()));
    story.owner.delete(&format!("/v1/devices/{}/key?heir=unproven", story.id)).await.expect(204);
    let credential = claim().await.expect(200)["credential"].as_str().unwrap().to_owned();
    let beat = json!({ "readings": {}, "reports_to": "https://omniot.example", "heard": 0 });
    let notice = super::notices::notice(&story.app.bearer(&credential).post("/v1/device/heartbeat", beat).await.expect(200));
    board.state = board.state.hear("OM-1", &notice.expect("something was taken back")).unwrap();
    board
}

#[tokio::test]
async fn a_release_that_was_taken_back_stays_dead_when_the_electronics_is_replaced() {
    for app in App::both().await {
        let mut story = Story::of(&app).await;
        let mut taken_back = Vec::new();
        for _ in 0..2 {
            taken_back.push(story.release().await);
            story.owner.delete(&story.path()).await.expect(204);
        }
        story.device = replaced(&story).await;
        for letter in &taken_back {
            assert_eq!(story.take_over(Some(letter)).await, Err(owner::Refusal::BadRelease), "{}: number {}", app.engine, letter.release.number);
        }
        let good = story.release().await;
        assert_eq!(story.take_over(Some(&good)).await, Ok(()), "what is signed later is good");
    }
}

#[tokio::test]
async fn so_does_one_of_an_earlier_epoch_and_the_open_one_stays_good() {
    for app in App::both().await {
        let mut story = Story::of(&app).await;
        let taken_back = story.release().await;
        story.owner.delete(&story.path()).await.expect(204);
        story.device.take(&pack(&story.acme.person(Role::Technician).await, 5, 1).await[0], None);
        app.nobody().post("/v1/device/claim", story.device.claim(&story.acme).await).await.expect(200);
        let open = story.release().await;
        assert_eq!((taken_back.release.up_to_epoch, open.release.up_to_epoch), (1, 2));
        story.device = replaced(&story).await;
        assert_eq!(story.take_over(Some(&taken_back)).await, Err(owner::Refusal::BadRelease), "{}", app.engine);
        assert_eq!((story.shown().await["release"]["state"].clone(), story.take_over(Some(&open)).await), (json!("open"), Ok(())));
    }
}

#[tokio::test]
async fn a_release_that_a_new_claim_made_void_stays_dead_when_the_electronics_is_replaced_whether_it_was_taken_back_or_not() {
    for is_taken_back in [true, false] {
        for app in App::both().await {
            let mut story = Story::of(&app).await;
            let void = story.release().await;
            story.device.take(&pack(&story.acme.person(Role::Technician).await, 5, 1).await[0], None);
            app.nobody().post("/v1/device/claim", story.device.claim(&story.acme).await).await.expect(200);
            assert_eq!(story.shown().await["release"]["state"], "void", "{}", app.engine);
            if is_taken_back {
                story.owner.delete(&story.path()).await.expect(204);
            }
            let open = story.release().await;
            assert_eq!((void.release.up_to_epoch, open.release.up_to_epoch), (1, 2));
            assert!(open.release.number > void.release.number, "{}: {is_taken_back}", app.engine);
            story.device = replaced(&story).await;
            assert_eq!(story.take_over(Some(&void)).await, Err(owner::Refusal::BadRelease), "{}: {is_taken_back}", app.engine);
            assert_eq!((story.shown().await["release"]["state"].clone(), story.take_over(Some(&open)).await), (json!("open"), Ok(())));
        }
    }
}

#[tokio::test]
async fn a_release_ends_and_is_not_for_a_device_that_nobody_claimed() {
    for app in App::both().await {
        let mut story = Story::of(&app).await;
        story.release().await;
        app.pass(RELEASE_MS);
        story.owner = story.acme.session_of(&story.owner).await;
        assert_eq!(story.shown().await["release"]["state"], "expired", "{}", app.engine);
        let operator = story.acme.person(Role::Operator).await;
        let model = operator.post("/v1/models", json!({ "name": "Sensor", "sku": "S1", "min_security": "sec1" })).await.expect(201);
        let planned = operator.post("/v1/devices", json!({ "serial": "OM-9", "name": "Planned", "model_id": model["id"] })).await.expect(201);
        let path = format!("/v1/devices/{}/release", planned["id"].as_str().unwrap());
        assert_eq!(story.owner.post(&path, json!({})).await.refusal(), (409, "state_conflict".into()));
        assert_eq!(operator.post(&path, json!({})).await.refusal(), (403, "not_allowed".into()), "an operator lets go of nothing");
        story.owner.delete(&path).await.expect(204);
    }
}

#[tokio::test]
async fn a_received_release_is_in_every_technicians_pack() {
    for app in App::both().await {
        let story = Story::of(&app).await;
        let (letter, technician) = (story.release().await, story.bolt.person(Role::Technician).await);
        let text = letter.to_text().replace('.', ".\n ");
        let taken = technician.post("/v1/releases", json!({ "text": text })).await.expect(201);
        assert_eq!(taken["serial"], "OM-1");
        let other = story.bolt.person(Role::Operator).await;
        let body = json!({ "client_id": omniot_shared::ids::ClientId(uuid::Uuid::from_u128(9)), "count": 1 });
        let fetched = other.post("/v1/grants/pack", body.clone()).await.expect(200);
        assert_eq!(fetched["releases"], json!([letter.to_text()]), "{}", app.engine);
        assert_eq!(story.acme.person(Role::Technician).await.post("/v1/grants/pack", body.clone()).await.expect(200)["releases"], json!([]), "it is the other tenant's");
        let refusal = |reply: Reply| reply.refusal();
        assert_eq!(refusal(technician.post("/v1/releases", json!({ "text": &letter.to_text()[..40] })).await), (422, "release_unreadable".into()));
        assert_eq!(refusal(story.owner.post("/v1/releases", json!({ "text": letter.to_text() })).await), (422, "release_own".into()));
        app.pass(RELEASE_MS);
        let (technician, other) = (story.bolt.session_of(&technician).await, story.bolt.session_of(&other).await);
        assert_eq!(refusal(technician.post("/v1/releases", json!({ "text": letter.to_text() })).await), (422, "release_expired".into()));
        assert_eq!(other.post("/v1/grants/pack", body).await.expect(200)["releases"], json!([]), "it is over");
    }
}

#[tokio::test]
async fn nobody_but_the_device_says_that_it_left() {
    for app in App::both().await {
        let mut story = Story::of(&app).await;
        let letter = story.release().await;
        story.take_over(Some(&letter)).await.unwrap();
        let over = challenge(&app, &story.acme.id.to_string()).await;
        let mut impostor = story.device.clone();
        impostor.key = ed25519_dalek::SigningKey::from_bytes(&[9; 32]);
        assert_eq!(app.nobody().post("/v1/device/handover", impostor.handover_over(&over)).await.refusal(), (409, "key_mismatch".into()));
        let foreign = challenge(&app, &story.bolt.id.to_string()).await;
        assert_eq!(app.nobody().post("/v1/device/handover", story.device.handover_over(&foreign)).await.refusal(), (403, "challenge_expired".into()));
        let mut mixed = story.device.handover_over(&over);
        mixed["release"] = mixed["identity"].clone();
        assert_eq!(app.nobody().post("/v1/device/handover", mixed).await.status, 422);
        let forged = omniot_shared::claim::Release { up_to_epoch: 9, ..letter.release.clone() }.sign(&ed25519_dalek::SigningKey::from_bytes(&[9; 32]));
        story.device.state.left.as_mut().unwrap().release = prost::Message::encode_to_vec(&forged);
        assert_eq!(app.nobody().post("/v1/device/handover", story.device.handover_over(&over)).await.refusal(), (403, "bad_signature".into()));
        assert_ne!(letter.owner, PublicKey([0; 32]));
        assert_eq!(story.shown().await["handed_over_at"], json!(null), "{}", app.engine);
        story.beat().await.expect(200);
    }
}
