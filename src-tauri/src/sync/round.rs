//! One round with the server: push what waits, pull what is new, fetch grants, send files.
//!
//! Whatever one side refuses as a whole is made smaller, begun anew once, or left alone for long: nothing is
//! tried for ever in the same way.
//! Deliberately not here: when (`driver`), what becomes of what came (`publishing`), and what frames and receipts do
//! (the core).

use std::time::Duration;

use omniot_shared::{
    roles::{Permission, Role},
    sync::{
        Seq, Sight,
        client::{self, Greeting, Pull, Replica, Step},
        wire::{Frame, HelloRequest, HelloResponse, PROTOCOL, SCHEMA, Segment},
    },
};
use reqwest::Method;
use rusqlite::Connection;
use tokio::time::Instant;

use super::{
    Failure, attachments, checklist,
    frames::Frames,
    on, pack,
    publishing::{narrow, publish, stage},
    pushing::{Batch, Pushed, Rename, push, rename},
    status::{Progress, State},
    wishes::{self, Hold},
};
use crate::{
    accounts::Account,
    events::Event,
    store::{StoreError, clock, farewell::{self, Proof}, grants, replica::Open, unreadable},
    transport::{Server, Trouble, Unreachable},
};

/// So many pushes may follow each other before what they changed is pulled; a long outbox never keeps the news away.
const PUSHES: usize = 4;
/// So many pulls follow each other within one round, where one is overtaken, does not fit or is of a while ago.
const PULLS: usize = 4;
/// So many unpacked bytes of a pull are held in memory before they go to disk …
const STAGE_BYTES: usize = 16 * 1024 * 1024;
/// … and more of them where they come fast: what is staged is written twice and read twice, and on a slow way it is what a
/// kill leaves.
const MOST_HELD: usize = 2 * STAGE_BYTES;
/// So long a pull is fast.
const STAGE_AFTER: Duration = Duration::from_secs(5);

/// What one round is to do, and what it learned for the next one.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How much goes in one push.
    pub batch: Batch,
    /// Intents that the server put off are sent again.
    pub requeue: bool,
    /// Changes are pulled.
    pub pulls: bool,
    /// Free grants after the last time that some were fetched.
    pub grants_left: Option<pack::Stock>,
    /// When the checklist was asked for last.
    pub checklist_asked: Option<Instant>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { batch: Batch::default(), requeue: true, pulls: true, grants_left: None, checklist_asked: None }
    }
}

/// Which server this is: another version may take what the one before put off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Met {
    version: String,
    schema: u32,
    epoch: u64,
}

/// Introduces the replica and the server to each other.
///
/// # Errors
/// [`Failure`].
pub async fn hello(account: &Account, server: &Server) -> Result<Met, Failure> {
    let proof = shown_proof(account).await?;
    let hello = HelloRequest {
        protocol: PROTOCOL,
        schema: SCHEMA,
        client_id: account.client(),
        app_version: account.version.clone(),
        now: account.clock.now(),
        device_key: Some(proof.public()?),
    };
    let asked_at = cursor(account).await?;
    let answer: HelloResponse = server.fetch(Method::POST, "/v1/sync/hello", Some(&value(&hello)?)).await?;
    let contact = account.note_contact(answer.server_time);
    account.status.change(|status| {
        status.clock_skew_ms = Some(answer.skew_ms);
        status.rows = answer.rows;
    });
    let met = Met { version: answer.server_version.clone(), schema: answer.schema, epoch: answer.epoch };
    let sight = answer.sight.clone();
    if let Some(key) = answer.escrow_key {
        on(account, move |store| store.note(|db| farewell::heard(db, &proof, key))).await?;
    }
    let (aside, greeting) = on(account, move |store| {
        store.note(|db| {
            clock::heard(db, contact)?;
            Ok((unreadable::set_aside(db)?, client::greet(&mut Open(db), &answer, asked_at)?))
        })
    })
    .await?;
    if aside > 0 {
        tell_data(account);
        account.events.tell(Event::Sync);
    }
    // Whatever keeps this replica from pulling: what its person may not see any more goes now.
    if on(account, { let sight = sight.clone(); move |store| store.read(|db| Ok(Open(db).meta()?.exceeds(&sight))) }).await? {
        narrow(account, sight).await?;
    }
    on(account, |store| {
        store.settle_if_due();
        Ok(())
    })
    .await?;
    match greeting {
        Greeting::Known => {}
        Greeting::Forked => rename(account, Rename::Fork).await?,
        Greeting::Restored => {
            // Marks of a past that is lost say nothing.
            account.store.window.give_up();
            rename(account, Rename::Restore).await?;
        }
    }
    Ok(met)
}

/// The key of this replica, made when it is first shown: it is on the disk before the server hears of it.
async fn shown_proof(account: &Account) -> Result<Proof, Failure> {
    let client = account.client();
    on(account, move |store| match store.read(|db| farewell::known(db, client))? {
        Some(proof) => Ok(proof),
        None => store.edit(|db| farewell::make(db, client)),
    })
    .await
}

/// Keeps the role with which local edits are judged up to date.
///
/// # Errors
/// [`Failure`].
pub async fn keep_role(account: &Account, role: Role) -> Result<(), Failure> {
    on(account, move |store| {
        store.note(|db| {
            let mut replica = Open(db);
            let mut meta = replica.meta()?;
            if meta.role == role {
                return Ok(());
            }
            meta.role = role;
            replica.save_meta(&meta)?;
            // The server has taken them back.
            if role.may(Permission::DeviceCommission) { Ok(()) } else { grants::forget_free(db) }
        })
    })
    .await
}

/// Pushes and pulls until both sides agree, then brings what else there is. Nothing holds back what does not need it: a
/// push that fails the pull, and neither of them evidence that waits.
///
/// # Errors
/// [`Failure`]: the first one.
pub async fn round(account: &Account, server: &Server, pace: &mut Pace) -> Result<(), Failure> {
    let mut fared = exchange(account, server, pace).await;
    if fared.as_ref().err().is_none_or(Failure::is_of_one_way) {
        fared = fared.and(provide(account, server, pace).await);
        attachments::send(account, server).await?;
    }
    fared?;
    on(account, |store| {
        store.refill();
        Ok(())
    })
    .await
}

/// What is needed without a network.
async fn provide(account: &Account, server: &Server, pace: &mut Pace) -> Result<(), Failure> {
    let packed = pack::fill(account, server, &mut pace.grants_left).await;
    let asked = checklist::fill(account, server, &mut pace.checklist_asked).await;
    packed.and(asked)
}

async fn exchange(account: &Account, server: &Server, pace: &mut Pace) -> Result<(), Failure> {
    loop {
        let mut pushed = push(account, server, &mut pace.batch).await;
        for _ in 1..PUSHES {
            if !matches!(pushed, Ok(Pushed::Taken(_) | Pushed::More)) {
                break;
            }
            pushed = push(account, server, &mut pace.batch).await;
        }
        if pace.pulls {
            let before = sight(account).await?;
            match pull_with_room(account, server).await {
                // In the middle of it somebody wanted a pause: what is done here still goes out.
                Err(Failure::Held(hold)) => {
                    account.status.held(Some(hold));
                    pace.pulls = false;
                }
                pulled => pulled?,
            }
            if sight(account).await? != before {
                // Grants are for the sites that their technician sees.
                pace.grants_left = None;
            }
        }
        if pushed? == Pushed::Nothing && !again(account, pace).await? {
            return Ok(());
        }
    }
}

/// Puts back into the queue what the server put off, behind all that was waiting; whether there is any.
async fn again(account: &Account, pace: &mut Pace) -> Result<bool, Failure> {
    Ok(std::mem::take(&mut pace.requeue) && on(account, |store| store.note(|db| client::requeue_deferred(&mut Open(db)))).await? > 0)
}

/// What came of [`send`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Nothing was to be sent.
    Nothing,
    /// Everything was taken; the stream will tell of the tenant's standing there.
    Taken(Seq),
    /// A whole round is due after all.
    More,
}

/// Pushes what was edited here and pulls nothing: the stream brings what comes of it.
///
/// # Errors
/// [`Failure`].
pub async fn send(account: &Account, server: &Server, pace: &mut Pace) -> Result<Sent, Failure> {
    let mut sent = Sent::Nothing;
    for _ in 0..PUSHES {
        match push(account, server, &mut pace.batch).await? {
            Pushed::Taken(seq) => sent = Sent::Taken(seq),
            Pushed::Nothing => {
                if sent != Sent::Nothing {
                    pack::fill(account, server, &mut pace.grants_left).await?;
                }
                return Ok(sent);
            }
            Pushed::More => break,
        }
    }
    Ok(Sent::More)
}

/// What the replica holds rows of.
///
/// # Errors
/// [`Failure::Store`].
pub async fn sight(account: &Account) -> Result<Sight, Failure> {
    on(account, |store| store.read(|db| Ok(Open(db).meta()?.sight))).await
}

/// Whether the replica has come as far as `seq`.
pub async fn knows(account: &Account, seq: Seq) -> bool {
    cursor(account).await.is_ok_and(|cursor| cursor >= seq)
}

/// How far the replica has come.
///
/// # Errors
/// [`Failure::Store`].
pub async fn cursor(account: &Account) -> Result<Seq, Failure> {
    on(account, |store| store.read(|db| Ok(Open(db).meta()?.cursor))).await
}

/// Pulls. Where the disk has no room for what comes, files go before it: what the server has of them makes room.
async fn pull_with_room(account: &Account, server: &Server) -> Result<(), Failure> {
    let full = match pull(account, server).await {
        Err(full @ Failure::Store(StoreError::DiskFull)) => full,
        pulled => return pulled,
    };
    attachments::send(account, server).await?;
    if on(account, |store| store.make_room()).await? == 0 {
        return Err(full);
    }
    pull(account, server).await
}

/// Pulls up to a checkpoint. What cannot be taken is begun anew once; that it cannot be taken from its
/// beginning either is for the driver to leave alone.
pub(super) async fn pull(account: &Account, server: &Server) -> Result<(), Failure> {
    let mut is_anew = false;
    for _ in 0..PULLS {
        let pulled = pull_once(account, server).await;
        let is_stuck = matches!(pulled, Err(Failure::Unfit { fresh: false, .. } | Failure::Store(StoreError::Damaged(_))));
        match pulled {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(failure) if is_stuck && !is_anew => {
                tracing::error!(%failure, "a pull cannot be taken; everything is pulled anew");
                is_anew = true;
                on(account, |store| store.note(|db| client::start_afresh(&mut Open(db)))).await?;
            }
            Err(failure) => return Err(failure),
        }
    }
    Err(Trouble::Offline(Unreachable::Cut).into())
}

/// One pull. `false` when another one is needed at once.
async fn pull_once(account: &Account, server: &Server) -> Result<bool, Failure> {
    let (pull, progress) = begin(account).await?;
    if let Some(hold) = wishes::hold(account, progress.is_some()).await {
        return Err(Failure::Held(hold));
    }
    let frames = Frames::open(server, pull.request()).await?;
    match receive(account, pull, progress, frames).await? {
        Received::UpToDate => Ok(true),
        Received::More => Ok(false),
        Received::Shown(segment) => {
            // Everything as of a little while ago; what is newer is for the next pull.
            let (pull, progress) = begin(account).await?;
            match Frames::open_segment(server, &segment).await {
                Ok(frames) => match receive(account, pull, progress, frames).await {
                    // It was replaced by another one meanwhile: what came of it is kept, and the next pull goes on from there.
                    Err(Failure::Trouble(Trouble::Refused { status: 404, .. })) => Ok(false),
                    received => received.map(|_| false),
                },
                // Another server behind the same address knows nothing of it.
                Err(Trouble::Refused { status: 404, .. }) => {
                    let pull = pull.of_rows();
                    let frames = Frames::open(server, pull.request()).await?;
                    receive(account, pull, progress, frames).await.map(|received| matches!(received, Received::UpToDate))
                }
                Err(trouble) => Err(trouble.into()),
            }
        }
    }
}

/// A pull from where the replica stands, and how much of everything is here already.
async fn begin(account: &Account) -> Result<(Pull, Option<Progress>), Failure> {
    on(account, |store| store.read(|db| Ok((Pull::begin(&Open(db))?, so_far(db)?)))).await
}

/// What came of the frames of a pull.
enum Received {
    /// All that the server had.
    UpToDate,
    /// Ask again.
    More,
    /// It is to be had elsewhere.
    Shown(Segment),
}

async fn receive(account: &Account, mut pull: Pull, mut progress: Option<Progress>, mut frames: Frames) -> Result<Received, Failure> {
    let fresh = pull.request().epoch == 0;
    let (mut held, mut since) = (0, Instant::now());
    loop {
        if account.wishes.now().paused {
            stage(account, pull).await?;
            return Err(Failure::Held(Hold::Paused));
        }
        let frame = match frames.next().await {
            Ok(Some(frame)) => frame,
            Err(unfit @ Failure::Unfit { .. }) => return Err(unfit),
            // No checkpoint: what came is kept for the next pull to go on from, and not shown.
            broken => {
                stage(account, pull).await?;
                return Err(broken.err().unwrap_or_else(|| Trouble::Offline(Unreachable::Cut).into()));
            }
        };
        held += frames.take_size();
        tell_progress(account, &mut progress, &frame, frames.received());
        match pull.take(frame).map_err(|error| Failure::Unfit { detail: error.to_string(), fresh })? {
            Step::More if held < STAGE_BYTES => {}
            Step::More | Step::Stage if held < MOST_HELD && since.elapsed() < STAGE_AFTER => {}
            Step::More | Step::Stage => match stage(account, pull).await? {
                Some(staged) => (pull, held, since) = (staged, 0, Instant::now()),
                None => return Ok(Received::More),
            },
            Step::Publish(checkpoint) => return Ok(if publish(account, pull, checkpoint, fresh).await? { Received::UpToDate } else { Received::More }),
            Step::Fetch(segment) => return Ok(Received::Shown(segment)),
            Step::Narrow => {
                let sight = pull.sight().cloned().unwrap_or_default();
                narrow(account, sight).await?;
                return Ok(Received::More);
            }
        }
    }
}

/// How many rows of everything are here towards the next checkpoint; `None` where only what is new is fetched.
fn so_far(db: &Connection) -> Result<Option<Progress>, StoreError> {
    let meta = Open(db).meta()?;
    let is_anew = meta.staged.as_ref().map_or(meta.epoch == 0, |staged| staged.fresh);
    if !is_anew {
        return Ok(None);
    }
    let staged: i64 = db.query_row("select coalesce(max(place), 0) from staged", [], |row| row.get(0))?;
    Ok(Some(Progress { received: staged.unsigned_abs(), ..Progress::default() }))
}

/// Says how far it has come.
fn tell_progress(account: &Account, progress: &mut Option<Progress>, frame: &Frame, bytes: u64) {
    let Some(known) = progress else { return };
    match frame {
        // Other rows than those that are here already: it begins again.
        Frame::Begin(begin) if begin.fresh => known.received = 0,
        Frame::Rows(rows) => known.received += rows.len() as u64,
        _ => {}
    }
    account.status.change(|status| {
        let before = status.progress.map_or(0, |progress| progress.bytes);
        let of = status.rows.map(|rows| rows.max(known.received));
        status.state = State::Syncing;
        status.progress = Some(Progress { of, bytes: before + bytes, ..*known });
    });
}

pub(super) fn tell_data(account: &Account) {
    for entity in ["site", "model", "device", "attempt"] {
        account.events.tell(Event::Data { entity });
    }
}

pub(super) fn value(body: &impl serde::Serialize) -> Result<serde_json::Value, Failure> {
    Ok(serde_json::to_value(body).map_err(StoreError::from)?)
}
