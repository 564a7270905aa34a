//! A large first pull is kept for those who come after, whole and in pieces, for those who may have it.

use axum::http::{Request, header};
use omniot_shared::sync::{Seq, rows::Scope, wire::{Begin, SEGMENT}};
use tower::ServiceExt as _;

use super::{super::segment::Place, *};

/// As many sites as make a pull worth keeping.
const MANY: usize = 120;

async fn with_sites(app: &App) -> (Tenant, Tablet) {
    let tenant = app.tenant("acme").await;
    let mut staff = Tablet::of(&tenant, Role::Admin).await;
    for n in 0..MANY {
        staff.new_site(&format!("site {n}"));
    }
    staff.sync().await;
    (tenant, staff)
}

fn accepting(client: ClientId) -> PullRequest {
    PullRequest { accepts: vec![SEGMENT.to_owned()], ..from_nothing(client) }
}

/// What a new client is told.
async fn first_pull(app: &App, actor: &Actor) -> Vec<Frame> {
    frames(&actor.post("/v1/sync/pull", json!(accepting(app.state.new_id()))).await.bytes)
}

/// The segment that a new client is shown to.
async fn shown(app: &App, actor: &Actor) -> Segment {
    match first_pull(app, actor).await.as_slice() {
        [Frame::Begin(begin), Frame::Segment(segment)] if begin.fresh => segment.clone(),
        other => panic!("{other:?}"),
    }
}

/// Status, headers and bytes of a GET with one header more.
async fn fetch(app: &App, actor: &Actor, id: &str, more: &[(header::HeaderName, &str)]) -> (u16, axum::http::HeaderMap, Vec<u8>) {
    let mut request = Request::get(format!("/v1/sync/segment/{id}")).header(header::AUTHORIZATION, format!("Bearer {}", actor.token));
    for (name, value) in more {
        request = request.header(name, *value);
    }
    let answer = crate::build(app.state.clone()).oneshot(request.body(axum::body::Body::empty()).expect("a request")).await.expect("an answer");
    let (head, body) = answer.into_parts();
    (head.status.as_u16(), head.headers, axum::body::to_bytes(body, usize::MAX).await.expect("a body").to_vec())
}

#[tokio::test]
async fn the_first_pull_is_kept_and_the_next_ones_are_shown_to_it_and_add_what_is_newer() {
    for app in App::both().await {
        let (tenant, mut staff) = with_sites(&app).await;
        let mut first = Tablet::of(&tenant, Role::Viewer).await;
        assert!(matches!(first.pull().await, Published::Now { changes: 0, .. }), "staff's own first pull was kept; nothing is newer");
        let segment = shown(&app, &staff.actor).await;
        assert_eq!((segment.seq.0, segment.rows), (MANY as i64, MANY as u64), "on {}", app.engine);
        let site = staff.new_site("newer");
        staff.rename(site, "newest");
        staff.sync().await;
        assert_eq!(shown(&app, &staff.actor).await, segment, "two changes are little beside it");
        let mut second = Tablet::of(&tenant, Role::Viewer).await;
        second.pull().await;
        assert_eq!((second.rows(), second.meta().checksum), (staff.rows(), staff.meta().checksum));
        for n in 0..20 {
            staff.rename(site, &format!("name {n}"));
        }
        staff.push().await;
        let came = first_pull(&app, &staff.actor).await;
        assert!(matches!(came.last(), Some(Frame::Checkpoint(_))), "more than a tenth is newer: it is made again");
        assert!(shown(&app, &staff.actor).await.seq > segment.seq);
        assert_eq!(fetch(&app, &staff.actor, &segment.id, &[]).await.0, 404, "the one before is no more");
        db_checksum_holds(&tenant).await;
    }
}

#[tokio::test]
async fn it_is_fetched_in_pieces_and_not_twice() {
    for app in App::both().await {
        let (_tenant, staff) = with_sites(&app).await;
        let segment = shown(&app, &staff.actor).await;
        let (status, head, whole) = fetch(&app, &staff.actor, &segment.id, &[]).await;
        let tag = head[header::ETAG].to_str().expect("a tag").to_owned();
        assert_eq!((status, whole.len() as u64, head[header::ACCEPT_RANGES].as_bytes()), (200, segment.bytes, b"bytes".as_slice()));
        let half = whole.len() / 2;
        let (status, head, rest) = fetch(&app, &staff.actor, &segment.id, &[(header::RANGE, &format!("bytes={half}-")), (header::IF_RANGE, &tag)]).await;
        assert_eq!((status, rest.as_slice()), (206, &whole[half..]));
        assert_eq!(head[header::CONTENT_RANGE], format!("bytes {half}-{}/{}", whole.len() - 1, whole.len()));
        let of_another = fetch(&app, &staff.actor, &segment.id, &[(header::RANGE, "bytes=5-"), (header::IF_RANGE, "\"1-9999-00\"")]).await;
        assert_eq!((of_another.0, of_another.2.len()), (200, whole.len()), "a piece of another one is of no use");
        assert_eq!(fetch(&app, &staff.actor, &segment.id, &[(header::RANGE, &format!("bytes={}-", whole.len()))]).await.0, 416);
        assert_eq!(fetch(&app, &staff.actor, &segment.id, &[(header::RANGE, "lines=1-2")]).await.0, 200, "what is not understood is passed over");
        assert_eq!(fetch(&app, &staff.actor, &segment.id, &[(header::IF_NONE_MATCH, &tag)]).await.0, 304);
    }
}

#[tokio::test]
async fn nobody_who_is_limited_or_elsewhere_is_shown_to_it_or_gets_it() {
    for app in App::both().await {
        let (tenant, staff) = with_sites(&app).await;
        let segment = shown(&app, &staff.actor).await;
        let tess = tenant.person(Role::Technician).await;
        assert_eq!(fetch(&app, &tess, &segment.id, &[]).await.0, 200);
        staff.actor.put(&format!("/v1/people/{}/sites", tess.id), json!({"sites": []})).await.expect(200);
        assert_eq!(fetch(&app, &tess, &segment.id, &[]).await.0, 404);
        let came = first_pull(&app, &tess).await;
        assert!(matches!(came.as_slice(), [Frame::Begin(_), Frame::Checkpoint(_)]), "{came:?}");
        // A team that works at the same sites shares one of its own, and nobody else has it.
        let sites = staff.actor.get("/v1/sites?limit=200").await.expect(200)["items"].as_array().expect("sites").iter().take(110).map(|site| site["id"].clone()).collect::<Vec<_>>();
        let (tom, tina) = (tenant.person(Role::Technician).await, tenant.person(Role::Technician).await);
        for person in [&tom, &tina] {
            staff.actor.put(&format!("/v1/people/{}/sites", person.id), json!({"sites": sites})).await.expect(200);
        }
        assert!(matches!(first_pull(&app, &tom).await.last(), Some(Frame::Checkpoint(_))));
        let theirs = shown(&app, &tina).await;
        assert_eq!((theirs.rows, fetch(&app, &tina, &theirs.id, &[]).await.0), (110, 200), "on {}", app.engine);
        assert_eq!((fetch(&app, &tess, &theirs.id, &[]).await.0, fetch(&app, &staff.actor, &theirs.id, &[]).await.0), (404, 404));
        // Who is shown these sites only now was never to see what had left them before.
        let tony = tenant.person(Role::Technician).await;
        staff.actor.put(&format!("/v1/people/{}/sites", tony.id), json!({"sites": sites})).await.expect(200);
        assert!(matches!(first_pull(&app, &tony).await.last(), Some(Frame::Checkpoint(_))), "on {}", app.engine);
        let elsewhere = app.tenant("globex").await.person(Role::Owner).await;
        assert_eq!(fetch(&app, &elsewhere, &segment.id, &[]).await.0, 404, "on {}", app.engine);
        assert_eq!(fetch(&app, &staff.actor, "1-..%2f", &[]).await.0, 404);
        // After a restore there is no such past.
        let mut scope = tenant.db_write().await;
        crate::sync::restored(&mut scope, &app.state, &crate::audit::Author::system("test")).await.expect("restored");
        scope.commit().await.expect("a commit");
        assert_eq!(fetch(&app, &staff.actor, &segment.id, &[]).await.0, 404);
        assert!(matches!(first_pull(&app, &staff.actor).await.last(), Some(Frame::Checkpoint(_))));
    }
}

#[tokio::test]
async fn those_who_come_at_once_wait_for_one_pull_and_share_it() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let mut staff = Tablet::of(&tenant, Role::Admin).await;
        for n in 0..MANY {
            staff.new_site(&format!("site {n}"));
        }
        staff.push().await;
        let all = futures::future::join_all((0..20).map(|_| first_pull(&app, &staff.actor))).await;
        let (made, shown): (Vec<_>, Vec<_>) = all.iter().partition(|came| matches!(came.last(), Some(Frame::Checkpoint(_))));
        assert_eq!((made.len(), shown.len()), (1, 19), "on {}", app.engine);
        assert!(shown.iter().all(|came| matches!(came.last(), Some(Frame::Segment(_)))));
    }
}

#[tokio::test]
async fn somebody_who_reads_slowly_makes_nobody_wait_for_long() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let mut staff = Tablet::of(&tenant, Role::Admin).await;
        for n in 0..MANY {
            staff.new_site(&format!("site {n}"));
        }
        staff.push().await;
        let to = Seq(i64::try_from(MANY).expect("few"));
        let begin = Begin { scope: Scope::Tenant, scopes: Sight::All, epoch: 1, from: Seq(0), to, fresh: true, server_time: Millis(0) };
        let Place::Records(never_done) = app.state.segments.place(tenant.id, &begin, Seq(0), to.0.unsigned_abs()) else { panic!("nobody is recorded yet") };
        let came = first_pull(&app, &staff.actor).await;
        assert!(matches!(came.last(), Some(Frame::Checkpoint(_))), "whoever waited in vain gets all of it, on {}: {came:?}", app.engine);
        drop(never_done);
        first_pull(&app, &staff.actor).await;
        shown(&app, &staff.actor).await;
    }
}

#[tokio::test]
async fn who_keeps_something_of_their_own_is_shown_to_none_and_recorded_for_none() {
    for app in App::both().await {
        let (tenant, staff) = with_sites(&app).await;
        let segment = shown(&app, &staff.actor).await;
        let device = super::own::device(&staff.actor).await;
        let vera = tenant.person(Role::Viewer).await;
        vera.put(&format!("/v1/devices/{device}/bookmark"), json!({"note": super::own::CANARY})).await.expect(200);
        let came = first_pull(&app, &vera).await;
        assert!(matches!(came.last(), Some(Frame::Checkpoint(checkpoint)) if checkpoint.own.is_some_and(|own| own.count == 1)), "{came:?}");
        assert!(format!("{came:?}").contains(super::own::CANARY));
        assert_eq!(shown(&app, &staff.actor).await, segment, "hers was not kept, on {}", app.engine);
    }
}

#[tokio::test]
async fn somebody_who_waits_for_a_poke_hears_of_the_next_change_and_of_the_end_of_their_right() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let (owner, tess) = (tenant.person(Role::Owner).await, tenant.person(Role::Technician).await);
        owner.post("/v1/sites", json!({"name": "one", "time_zone": "UTC"})).await.expect(201);
        let poke = tess.get("/v1/sync/poke?after=0").await.expect(200);
        assert_eq!(poke, json!({"seq": 1}), "what is there already is said at once");
        let later = async {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            owner.post("/v1/sites", json!({"name": "two", "time_zone": "UTC"})).await.expect(201);
        };
        let (poke, ()) = tokio::join!(tess.get("/v1/sync/poke?after=1"), later);
        assert_eq!(poke.expect(200), json!({"seq": 2}), "on {}", app.engine);
        let removal = async {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            owner.delete(&format!("/v1/people/{}", tess.id)).await.expect(204);
        };
        let (poke, ()) = tokio::join!(tess.get("/v1/sync/poke?after=2"), removal);
        assert_eq!(poke.refusal(), (401, "not_signed_in".into()));
        assert_eq!(owner.get("/v1/sync/poke?after=x").await.status, 400);
    }
}
