use omniot_shared::{
    entities::Site,
    ids::{ClientId, IntentId, PersonId, SiteId, TenantId},
    roles::Role,
    sync::{
        Change, Checksum, Row, Seq, Sight, SyncedRow,
        client::{self, Meta, Published, Pull, Replica, Step},
        intent::NewSite,
        rows::Scope,
        wire::{Begin, Checkpoint, Frame},
    },
    time::Millis,
};
use uuid::Uuid;

use crate::store::{
    Store, StoreError,
    lists::{self, ByName},
    replica::{self, Open},
};

fn site(n: u128) -> SyncedRow {
    let site = Site {
        id: SiteId(Uuid::from_u128(n)),
        name: format!("Site {n}"),
        address: None,
        time_zone: "UTC".into(),
        note: Some("x".repeat(2_000)),
        created_at: Millis(1),
    };
    SyncedRow { seq: Seq(i64::try_from(n).unwrap()), row: Row::Site(site) }
}

/// What the server sends to a new replica: so many sites.
fn frames(sites: u128) -> (Vec<Frame>, Checkpoint) {
    let rows: Vec<SyncedRow> = (1..=sites).map(site).collect();
    let to = rows.last().unwrap().seq;
    let begin = Begin { scope: Scope::Tenant, scopes: Sight::All, epoch: 1, from: Seq(0), to, fresh: true, server_time: Millis(1) };
    let checksum = Checksum::of(rows.iter().map(|row| (row.row.key(), row.seq)));
    (vec![Frame::Begin(begin), Frame::Rows(rows)], Checkpoint { scope: Scope::Tenant, seq: to, checksum, own: None })
}

fn pull(store: &Store, sites: u128) -> Result<Published, StoreError> {
    let mut pull = store.read(|db| Pull::begin(&Open(db))).unwrap();
    let (frames, checkpoint) = frames(sites);
    for frame in frames {
        assert_eq!(pull.take(frame).unwrap(), Step::More);
    }
    let mut pull = Some(pull);
    store.apply(|db| client::publish(&mut Open(db), pull.take().unwrap(), &checkpoint, Millis(9)))
}

fn shown(store: &Store) -> usize {
    store.read(|db| lists::sites(db, &ByName { rows: 1_000, ..ByName::default() })).unwrap().len()
}

#[test]
fn a_pull_on_a_full_disk_changes_nothing_and_succeeds_once_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let meta = Meta::new(ClientId(Uuid::from_u128(1)), TenantId(Uuid::from_u128(2)), PersonId(Uuid::from_u128(3)), Role::Owner);
    store.edit(|db| replica::begin(db, &meta)).unwrap();
    let new = NewSite { id: SiteId(Uuid::from_u128(900)), name: "Mine".into(), address: None, time_zone: "UTC".into(), note: None };
    let recorded = store.edit(|db| client::record(&mut Open(db), IntentId(Uuid::from_u128(4)), Millis(5), Change::SiteCreate(new.clone())));
    assert!(recorded.unwrap().is_ok());
    let before = store.read(|db| Open(db).meta()).unwrap();

    store.limit_pages(60);
    let full = pull(&store, 200);
    assert!(matches!(full, Err(StoreError::DiskFull)), "{full:?}");
    assert_eq!(store.read(|db| Open(db).meta()).unwrap(), before, "the cursor has not moved");
    assert_eq!((shown(&store), store.read(|db| Open(db).outbox()).unwrap().len()), (1, 1), "neither rows nor outbox have changed");

    store.limit_pages(1_000_000);
    let done = pull(&store, 200).unwrap();
    assert_eq!(done, Published::Now { seq: Seq(200), changes: 200, departed: false });
    assert_eq!((shown(&store), store.read(|db| Open(db).outbox()).unwrap().len()), (201, 1), "the pulled rows, and the edit still on top");
}
