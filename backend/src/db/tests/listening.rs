//! Facts about several processes on one PostgreSQL: two stores on one database, each with its own bus.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::{broadcast::Receiver, watch},
    task::JoinHandle,
    time::timeout,
};

use super::super::{Db, Event, Scope, TenantAccess};
use crate::testing::{App, Tenant, postgres_url};

/// Another process on the database of an app, with one stream open in a tenant.
struct Other {
    db: Db,
    heard: Receiver<Event>,
    listens: JoinHandle<()>,
}

impl Other {
    async fn beside(tenant: &Tenant) -> Self {
        Self::at(&tenant.app.db_app_url().expect("a URL"), tenant).await
    }

    async fn at(url: &str, tenant: &Tenant) -> Self {
        let db = Db::postgres(url).await.expect("a second server");
        let heard = db.bus().subscribe(tenant.id);
        let listens = tokio::spawn(db.listener().expect("an ear").run());
        let mut other = Self { db, heard, listens };
        assert_eq!(other.hear().await, Event::Missed, "who begins to listen does not know what was before");
        other
    }

    async fn hear(&mut self) -> Event {
        timeout(Duration::from_secs(5), self.heard.recv()).await.expect("something in time").expect("an open bus")
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        self.listens.abort();
    }
}

async fn db_change(tenant: &Tenant, db: &Db) -> (Scope, i64) {
    let mut scope = db.write(&TenantAccess::for_job(tenant.id, "test")).await.expect("a scope");
    let seq = *scope.next_seq(1).await.expect("a number").end();
    scope.notify(Event::changed(seq));
    (scope, seq)
}

/// Cuts the connections of all listeners on the tenant's database; how many.
async fn db_cut_listeners(tenant: &Tenant) -> usize {
    const CUT: &str = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'omniot listener'";
    let mut owner = PgConnection::connect(&tenant.app.db_owner_url().expect("an owner")).await.expect("the owner");
    sqlx::query_as::<_, (bool,)>(CUT).fetch_all(&mut owner).await.expect("they are cut").len()
}

#[tokio::test]
async fn what_one_process_commits_the_other_hears_once_and_in_its_tenant_alone() {
    let Some(url) = postgres_url() else { return };
    let app = App::postgres(&url).await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let (mut other, mut stranger) = (Other::beside(&acme).await, Other::beside(&globex).await);
    let (mut scope, _) = db_change(&acme, &app.state.db).await;
    for _ in 0..1_000 {
        let seq = *scope.next_seq(1).await.expect("a number").end();
        scope.notify(Event::changed(seq));
    }
    scope.notify(Event::AccessChanged);
    scope.commit().await.expect("a commit");
    assert_eq!((other.hear().await, other.hear().await), (Event::AccessChanged, Event::changed(1_001)));
    // The notification after it shows that there was no other.
    let (scope, seq) = db_change(&acme, &app.state.db).await;
    scope.commit().await.expect("a commit");
    assert_eq!(other.hear().await, Event::changed(seq));
    let (scope, seq) = db_change(&globex, &app.state.db).await;
    scope.commit().await.expect("a commit");
    assert_eq!(stranger.hear().await, Event::changed(seq), "of the other tenant nothing came before");
}

#[tokio::test]
async fn what_is_rolled_back_or_undone_no_process_hears_of() {
    let Some(url) = postgres_url() else { return };
    let app = App::postgres(&url).await;
    let acme = app.tenant("acme").await;
    let mut other = Other::beside(&acme).await;
    let (mut scope, _) = db_change(&acme, &app.state.db).await;
    scope.notify(Event::AccessChanged);
    drop(scope);
    let mut scope = acme.db_write().await;
    scope.part().await.expect("a part");
    scope.notify(Event::AccessChanged);
    scope.undo().await.expect("undone");
    scope.commit().await.expect("a commit without events");
    let (scope, seq) = db_change(&acme, &app.state.db).await;
    scope.commit().await.expect("a commit");
    assert_eq!((other.hear().await, seq), (Event::changed(1), 1), "nothing before it");
}

#[tokio::test]
async fn a_process_does_not_hear_itself_twice() {
    let Some(url) = postgres_url() else { return };
    let app = App::postgres(&url).await;
    let acme = app.tenant("acme").await;
    let mut other = Other::beside(&acme).await;
    for db in [&other.db.clone(), &app.state.db] {
        let (mut scope, _) = db_change(&acme, db).await;
        scope.notify(Event::AccessChanged);
        scope.commit().await.expect("a commit");
    }
    let mut heard = Vec::new();
    for _ in 0..4 {
        heard.push(other.hear().await);
    }
    use Event::AccessChanged;
    assert_eq!(heard, [Event::changed(1), AccessChanged, AccessChanged, Event::changed(2)], "its own from its bus, then the other's");
}

#[tokio::test]
async fn a_listener_that_was_cut_off_listens_again_and_says_that_something_may_be_missing() {
    let Some(url) = postgres_url() else { return };
    let app = App::postgres(&url).await;
    let acme = app.tenant("acme").await;
    let mut other = Other::beside(&acme).await;
    for round in 0..3 {
        assert_eq!(db_cut_listeners(&acme).await, 1, "round {round}: one connection for each process");
        let (scope, _) = db_change(&acme, &app.state.db).await;
        scope.commit().await.expect("a commit that may pass unheard");
        while other.hear().await != Event::Missed {}
        let (scope, seq) = db_change(&acme, &app.state.db).await;
        scope.commit().await.expect("a commit");
        while other.hear().await != (Event::changed(seq)) {}
    }
}

/// The same address over a relay, whose connections of the moment fall silent at each word, unclosed.
async fn over_a_relay(url: &str) -> (String, watch::Sender<()>) {
    let (_, rest) = url.split_once('@').expect("a URL with a role");
    let (host, _) = rest.split_once('/').expect("a URL with a database");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let through = url.replace(host, &listener.local_addr().expect("an address").to_string());
    let (host, (silence, silent)) = (host.to_owned(), watch::channel(()));
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let (host, mut silent) = (host.clone(), silent.clone());
            silent.mark_unchanged();
            tokio::spawn(async move {
                let mut far = TcpStream::connect(host).await.expect("the database");
                tokio::select! {
                    _ = copy_bidirectional(&mut near, &mut far) => {}
                    Ok(()) = silent.changed() => std::future::pending().await,
                }
            });
        }
    });
    (through, silence)
}

#[tokio::test]
async fn a_listener_whose_connection_died_without_a_sign_finds_out() {
    let Some(url) = postgres_url() else { return };
    let app = App::postgres(&url).await;
    let acme = app.tenant("acme").await;
    let (through, silence) = over_a_relay(&app.db_app_url().expect("a URL")).await;
    let mut other = Other::at(&through, &acme).await;
    silence.send_replace(());
    let (scope, _) = db_change(&acme, &app.state.db).await;
    scope.commit().await.expect("a commit that passes unheard");
    let heard = timeout(Duration::from_secs(15), other.heard.recv()).await;
    assert_eq!(heard.expect("within ten seconds").expect("an open bus"), Event::Missed);
    let (scope, seq) = db_change(&acme, &app.state.db).await;
    scope.commit().await.expect("a commit");
    assert_eq!(other.hear().await, Event::changed(seq));
}

#[tokio::test]
async fn the_listener_takes_no_connection_from_the_pool_and_a_full_pool_does_not_silence_it() {
    let Some(url) = postgres_url() else { return };
    let app = App::postgres(&url).await;
    let acme = app.tenant("acme").await;
    let mut other = Other::beside(&acme).await;
    let (mut held, access) = (Vec::new(), TenantAccess::for_job(acme.id, "test"));
    while let Ok(Ok(scope)) = timeout(Duration::from_millis(300), other.db.glance(&access)).await {
        held.push(scope);
    }
    assert_eq!(held.len(), 32, "all connections are taken");
    let (scope, seq) = db_change(&acme, &app.state.db).await;
    scope.commit().await.expect("a commit");
    assert_eq!(other.hear().await, Event::changed(seq));
}
