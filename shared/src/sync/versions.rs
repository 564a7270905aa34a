//! What every version ever shipped said, as data: `tests/vectors/sync`, a folder for each shape, oldest first.
//!
//! The present code reads all of it; `backend/src/sync/tests/versions.rs` carries every change of it out. Folders
//! are added, never edited. Deliberately not here: turning old changes into those of today (`upcast`).

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use utoipa::PartialSchema;
use uuid::Uuid;

use super::{
    Change, Patch, Row, Sight, SyncedRow, Table,
    client::{self, Memory, Meta, Replica as _},
    frame::FrameReader,
    intent::{Intent, SitePatch, SiteUpdate},
    receipt::{Code, Outcome},
    upcast,
    wire::{Frame, HelloRequest, HelloResponse, Poke, PullRequest, PushRequest, PushResponse, SCHEMA, VerifyRequest, VerifyResponse},
};
use crate::{
    ids::{ClientId, IntentId, PersonId, SiteId, TenantId},
    roles::Role,
    time::Millis,
};

/// Every shape that was shipped.
const SHIPPED: [&str; 4] = ["schema-1-before-sites", "schema-1", "schema-2", "schema-2-with-keys"];
/// That of this version.
const TODAY: &str = SHIPPED[SHIPPED.len() - 1];

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/sync"))
}

fn fixture(shape: &str, name: &str) -> Value {
    let path = folder().join(shape).join(name).with_extension("json");
    serde_json::from_str(&fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))).unwrap()
}

/// Whether everything that `said` says is said by `kept`, too.
fn keeps(kept: &Value, said: &Value) -> bool {
    match (kept, said) {
        (Value::Object(kept), Value::Object(said)) => said.iter().all(|(name, said)| kept.get(name).is_some_and(|kept| keeps(kept, said))),
        (Value::Array(kept), Value::Array(said)) => kept.len() == said.len() && kept.iter().zip(said).all(|(kept, said)| keeps(kept, said)),
        _ => kept == said,
    }
}

fn is_read<T: DeserializeOwned + Serialize>(shape: &str, name: &str) {
    let said = fixture(shape, name);
    let read: T = serde_json::from_value(said.clone()).unwrap_or_else(|error| panic!("{shape}/{name}: {error}"));
    let kept = serde_json::to_value(read).unwrap();
    assert!(keeps(&kept, &said), "{shape}/{name} loses something:\n{said:#}\n{kept:#}");
}

/// The frames as the reader of a pull gives them.
fn frames(shape: &str) -> Vec<Frame> {
    let (mut reader, mut frames) = (FrameReader::default(), vec![]);
    for frame in fixture(shape, "pull_frames").as_array().unwrap() {
        let text = frame.to_string();
        reader.push(&u32::try_from(text.len()).unwrap().to_le_bytes());
        reader.push(text.as_bytes());
    }
    while let Some(frame) = reader.next_frame().unwrap() {
        frames.push(frame);
    }
    reader.finish().unwrap();
    frames
}

#[test]
fn every_shape_ever_shipped_has_its_folder_and_no_other_is_there() {
    let there: BTreeSet<String> = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(there, SHIPPED.into_iter().map(str::to_owned).collect());
}

#[test]
fn every_message_ever_shipped_is_read_and_loses_nothing() {
    for shape in SHIPPED {
        is_read::<HelloRequest>(shape, "hello_request");
        is_read::<HelloResponse>(shape, "hello_response");
        is_read::<PushRequest>(shape, "push_request");
        is_read::<PushResponse>(shape, "push_response");
        is_read::<PullRequest>(shape, "pull_request");
        is_read::<VerifyRequest>(shape, "verify_request");
        is_read::<VerifyResponse>(shape, "verify_response");
        is_read::<Poke>(shape, "poke");
        let said = fixture(shape, "pull_frames");
        let known: Vec<&Value> = said.as_array().unwrap().iter().filter(|frame| frame.get("scope_removed").is_none()).collect();
        assert!(keeps(&serde_json::to_value(frames(shape)).unwrap(), &json!(known)), "{shape}: {:#?}", frames(shape));
    }
}

#[test]
fn every_change_ever_shipped_is_read_as_one_of_today() {
    for shape in SHIPPED {
        let push = fixture(shape, "push_request");
        let schema = u32::try_from(push["schema"].as_u64().unwrap()).unwrap();
        for intent in push["intents"].as_array().unwrap() {
            upcast::change(schema, &intent["change"].to_string()).unwrap_or_else(|error| panic!("{shape}: {error}: {intent:#}"));
        }
    }
}

/// What `to_value(from_value(…))` adds or leaves out would be another shape: such a change raises [`SCHEMA`].
#[test]
fn changes_and_rows_are_written_as_the_fixtures_of_today_say() {
    let push = fixture(TODAY, "push_request");
    assert_eq!(push["schema"], json!(SCHEMA));
    assert_eq!(serde_json::to_value(serde_json::from_value::<PushRequest>(push.clone()).unwrap()).unwrap(), push);
    let rows = &fixture(TODAY, "pull_frames")[1];
    assert_eq!(serde_json::to_value(&frames(TODAY)[1]).unwrap(), *rows);
}

#[test]
fn the_fixtures_of_today_leave_no_kind_out() {
    let names = |values: &[Value], pointer: &str| values.iter().filter_map(|value| Some(value.pointer(pointer)?.as_str()?.to_owned())).collect::<BTreeSet<_>>();
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let intents = fixture(TODAY, "push_request")["intents"].clone();
    assert_eq!(names(intents.as_array().unwrap(), "/change/kind"), set(&Change::KINDS));

    let answer: PushResponse = serde_json::from_value(fixture(TODAY, "push_response")).unwrap();
    let codes: BTreeSet<&str> = answer.receipts.iter().filter_map(|receipt| Some(receipt.outcome.refusal()?.code.name())).collect();
    assert!(!codes.contains(Code::Unknown.name()), "{codes:?}");
    for kind in ["applied", "merged", "superseded", "refused", "quarantined", "later"] {
        assert!(answer.receipts.iter().any(|receipt| serde_json::to_value(&receipt.outcome).unwrap()["kind"] == kind), "{kind}");
    }
    // What only apps say is on no wire.
    for code in Code::ALL.into_iter().filter(|code| *code != Code::NotDelivered) {
        assert!(codes.contains(code.name()), "a receipt with {code} is missing");
    }

    let said = fixture(TODAY, "pull_frames");
    let kinds: BTreeSet<String> = said.as_array().unwrap().iter().flat_map(|frame| frame.as_object().unwrap().keys().cloned()).collect();
    assert_eq!(kinds, set(&Frame::KINDS));
    let tables: BTreeSet<Table> = frames(TODAY).into_iter().filter_map(|frame| if let Frame::Rows(rows) = frame { Some(rows) } else { None })
        .flatten().map(|synced| synced.row.key().table).collect();
    assert_eq!(tables, Table::ALL.into_iter().collect());
}

#[test]
fn the_fixtures_of_today_leave_no_field_out() {
    fn says_all<T: PartialSchema>(said: &Value, of: &str) {
        let schema = serde_json::to_value(T::schema()).unwrap();
        let fields = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(fields(said), fields(&schema["properties"]), "{of}");
    }
    let push = fixture(TODAY, "push_request");
    says_all::<HelloRequest>(&fixture(TODAY, "hello_request"), "hello_request");
    says_all::<HelloResponse>(&fixture(TODAY, "hello_response"), "hello_response");
    says_all::<PushRequest>(&push, "push_request");
    says_all::<PushResponse>(&fixture(TODAY, "push_response"), "push_response");
    says_all::<PullRequest>(&fixture(TODAY, "pull_request"), "pull_request");
    says_all::<VerifyRequest>(&fixture(TODAY, "verify_request"), "verify_request");
    says_all::<VerifyResponse>(&fixture(TODAY, "verify_response"), "verify_response");
    says_all::<Poke>(&fixture(TODAY, "poke"), "poke");
    says_all::<Intent>(&push["intents"][1], "an intent that says all that one can");
}

#[test]
fn who_said_nothing_of_sites_holds_and_sees_everything() {
    let old = SHIPPED[0];
    let hello: HelloResponse = serde_json::from_value(fixture(old, "hello_response")).unwrap();
    let pull: PullRequest = serde_json::from_value(fixture(old, "pull_request")).unwrap();
    let verify: VerifyRequest = serde_json::from_value(fixture(old, "verify_request")).unwrap();
    assert_eq!((hello.sight, pull.scopes, verify.scopes), (Sight::All, Sight::All, Sight::All));
    let frames = frames(old);
    let Frame::Begin(begin) = &frames[0] else { panic!("{frames:?}") };
    assert_eq!(begin.scopes, Sight::All);
    assert_eq!(frames.len(), 5, "`scope_removed`, which nobody says any more, is passed over");
}

/// As an app of before there were sites reads: it knows one scope, and reads nothing else in its place.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OldScope {
    Tenant,
}

#[derive(Debug, Deserialize)]
struct OldHello {
    scopes: Vec<OldScope>,
    last_n: u64,
}

#[derive(Debug, Deserialize)]
struct OldBegin {
    scope: OldScope,
    fresh: bool,
}

#[test]
fn an_app_of_before_there_were_sites_reads_what_this_version_says() {
    let hello: HelloResponse = serde_json::from_value(fixture(TODAY, "hello_response")).unwrap();
    let old: OldHello = serde_json::from_value(serde_json::to_value(hello).unwrap()).unwrap();
    assert!(matches!(old.scopes[..], [OldScope::Tenant]) && old.last_n == 8);
    let begin = serde_json::to_value(&frames(TODAY)[0]).unwrap();
    let old: OldBegin = serde_json::from_value(begin["begin"].clone()).unwrap();
    assert!(matches!(old.scope, OldScope::Tenant) && !old.fresh);
}

#[test]
fn an_outcome_and_a_field_of_a_newer_server_stop_nothing_but_themselves() {
    let mut answer = fixture(TODAY, "push_response");
    answer["mood"] = json!("sunny");
    answer["receipts"][0]["weight"] = json!(3);
    answer["receipts"][3]["outcome"] = json!({"kind": "refused", "code": "moon_phase", "detail": "wait", "until": 5});
    let read: PushResponse = serde_json::from_value(answer).unwrap();
    assert!(matches!(&read.receipts[3].outcome, Outcome::Refused(refusal) if refusal.code == Code::Unknown));
}

#[test]
fn what_a_newer_server_knows_of_a_row_is_not_lost_when_an_older_app_edits_it() {
    let site = SiteId(Uuid::from_u128(4));
    let newer = json!({"seq": 9, "row": {"site": {"id": site, "name": "Depot", "address": null, "time_zone": "UTC", "note": null, "created_at": 1, "floor_plan": "plan-7"}}});
    let row: SyncedRow = serde_json::from_value(newer).unwrap();
    assert!(matches!(&row.row, Row::Site(site) if site.name == "Depot"), "it is read without what is not known here");
    let id = Uuid::from_u128;
    let mut store = Memory::new(Meta::new(ClientId(id(1)), TenantId(id(2)), PersonId(id(3)), Role::Admin));
    let Ok(()) = store.put(&row);
    let patch = SitePatch { name: Patch::Set("Dock".into()), ..SitePatch::default() };
    let Ok(recorded) = client::record(&mut store, IntentId(id(5)), Millis(1), Change::SiteUpdate(SiteUpdate { id: site, patch }));
    let change = serde_json::to_value(recorded.unwrap().intent.change).unwrap();
    // A change names what it changes and nothing else: the server's floor plan stands.
    assert_eq!(change, json!({"kind": "site.update", "body": {"id": site, "patch": {"name": "Dock"}}}));
}
