//! Pulls: the rows in sight that changed after a cursor, as one snapshot, compressed.
//!
//! The stream is made inside one read transaction as fast as the store allows, into a bounded
//! queue; the transaction ends with the last chunk, or after [`PATIENCE`] when the client is too
//! slow: the stream then ends without a checkpoint, and the client resumes where it is. One whose
//! client is slow enough to fill the queue takes one of the few places for such ([`Scope::linger`]).
//! The right to it is asked for again while it goes out: who may no longer see the tenant gets no
//! further chunk, and no checkpoint. Memory: one chunk of rows a table, and the queue. Deliberately not here: what is
//! kept of a first pull for the next ones (`segment`).

use std::{collections::VecDeque, io, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::StatusCode,
};
use futures::{Stream, StreamExt as _, stream};
use omniot_shared::{
    roles::need,
    sync::{
        Row, Seq, Table,
        client::Delta,
        frame::{self, MAGIC, ROWS_PER_FRAME},
        rows::Scope as SyncScope,
        wire::{Begin, Checkpoint, Frame, OWN_SINCE, PullRequest, SEGMENT},
    },
    time::Millis,
};
use tokio::{
    sync::{broadcast::{self, error::TryRecvError}, mpsc},
    time::Instant,
};
use tracing::{Instrument as _, Span};
use zstd::stream::write::Encoder;

use super::{segment::{FEW, Place, Recorder, Segment}, store::{self, Own, Stand, View}};
use crate::{
    db::{DbError, Event, Scope},
    http::{ApiError, AppState, Caller, Ticket},
};

/// A read transaction holds back the store's housekeeping: never longer than this.
const PATIENCE: Duration = Duration::from_secs(30);
/// The right to a pull is asked for again after this.
const DOUBT: Duration = Duration::from_secs(1);
/// Chunks that wait for a slow client: 64 of [`CHUNK`] are 4 MiB, or some 100,000 rows.
const QUEUE: usize = 64;
/// Compressed bytes that go out together.
const CHUNK: usize = 64 * 1024;
/// Rows read at once; attempts are long.
const ROWS_AT_ONCE: u32 = 1_000;
const ATTEMPTS_AT_ONCE: u32 = 100;
/// A frame is closed when its rows weigh this much.
const FRAME_BYTES: usize = 512 * 1024;

/// The body of the answer to a pull.
///
/// # Errors
/// Whatever the store says before the first byte; later the stream is cut off.
pub async fn body(caller: Caller<need::Sync>, state: AppState, request: &PullRequest) -> Result<Body, ApiError> {
    let right = Right::of(&caller, state);
    let person = caller.person();
    let own = if request.schema >= OWN_SINCE { Own::Of(person.id) } else { Own::Nobodys };
    let view = View { sight: person.sight.clone(), own };
    let (tenant, now) = (caller.tenant(), caller.now());
    let mut scope = caller.into_scope();
    let (mut begin, min_retained) = begin(&mut scope, &view, request, now).await?;
    let mut recorder = None;
    if let Some(rows) = may_be_kept(&mut scope, &view, request, &begin).await? {
        match right.state.segments.place(tenant, &begin, right.oldest(min_retained), rows) {
            Place::Records(here) => recorder = Some(here),
            Place::Kept(segment) => return shown(&segment, &begin),
            Place::Recorded(waiting) => {
                // Others have their turn meanwhile; then all is looked at again.
                drop(scope);
                waiting.over().await;
                scope = right.ticket.open(&right.state).await?;
                let min_retained;
                (begin, min_retained) = self::begin(&mut scope, &view, request, right.state.now()).await?;
                let may = may_be_kept(&mut scope, &view, request, &begin).await?.is_some();
                if let Some(segment) = right.state.segments.kept(tenant, &begin, right.oldest(min_retained)).filter(|_| may) {
                    return shown(&segment, &begin);
                }
                // Whoever is recorded reads too slowly to be waited for.
            }
        }
    }
    let (chunks, received) = mpsc::channel(QUEUE);
    let until = Instant::now() + PATIENCE;
    let feed = async move {
        // The magic stands before the compressed stream, not in it.
        let mut out = Out { encoder: Encoder::new(MAGIC.to_vec(), 1)?, chunks, until, recorder };
        // A failure is a cut-off stream: without a checkpoint nothing is published.
        let fed = feed(&mut scope, &view, &begin, &mut out).await;
        if let Err(error) = &fed {
            tracing::warn!(%error, "a pull was cut off");
            let _ = out.chunks.try_send(Err(io::Error::other("cut off")));
        }
        fed
    };
    tokio::spawn(feed.in_current_span());
    let received = stream::unfold(received, |mut received| async { received.recv().await.map(|chunk| (chunk, received)) });
    Ok(Body::from_stream(permitted(Box::pin(received), right)))
}

/// How many rows there are, where this pull is one that others may be shown to: nothing in it is its reader's own.
async fn may_be_kept(scope: &mut Scope, view: &View, request: &PullRequest, begin: &Begin) -> Result<Option<u64>, DbError> {
    if !begin.fresh || !request.accepts.iter().any(|accepted| accepted == SEGMENT) {
        return Ok(None);
    }
    let (shared, own) = store::checksums(scope, view).await?;
    Ok((shared.count >= FEW && own.is_none_or(|own| own.count == 0)).then_some(shared.count))
}

fn shown(segment: &Segment, begin: &Begin) -> Result<Body, ApiError> {
    segment.shown(begin).map_err(|error| ApiError::internal(&error))
}

/// A few frames as they travel.
pub(super) fn packed(frames: &[Frame]) -> io::Result<Vec<u8>> {
    let mut encoder = Encoder::new(MAGIC.to_vec(), 1)?;
    let mut plain = Vec::new();
    frames.iter().try_for_each(|frame| frame::write(frame, &mut plain)).map_err(io::Error::other)?;
    io::Write::write_all(&mut encoder, &plain)?;
    encoder.finish()
}

/// The right to what is still to come.
pub(super) struct Right {
    state: AppState,
    ticket: Ticket,
    events: broadcast::Receiver<Event>,
    checked: Instant,
    /// Of the request: the body goes out after its handler is done.
    span: Span,
}

impl Right {
    /// That of whoever calls. Make it before rows are read, so that nothing falls in between.
    pub(super) fn of(caller: &Caller<need::Sync>, state: AppState) -> Self {
        Self { events: state.bus.subscribe(caller.tenant()), ticket: caller.ticket(), checked: Instant::now(), state, span: Span::current() }
    }

    /// How old a kept pull may be for them: what left a site before they saw it is none of their business.
    fn oldest(&self, min_retained: Seq) -> Seq {
        min_retained.max(self.ticket.seen_since())
    }

    /// Whether the next chunk may go out. Asked again when access changed here, and each second,
    /// since another process may have changed it. A store that is too busy to say takes no right away.
    async fn holds(&mut self) -> bool {
        let mut doubtful = self.checked.elapsed() >= DOUBT;
        loop {
            match self.events.try_recv() {
                Ok(Event::Changed { .. }) => {}
                Ok(Event::AccessChanged | Event::Missed) | Err(TryRecvError::Lagged(_)) => doubtful = true,
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        if !doubtful {
            return true;
        }
        self.checked = Instant::now();
        let lost = |error: &ApiError| matches!(error.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        !self.ticket.check(&self.state).await.as_ref().is_err_and(lost)
    }
}

/// The chunks, until they end or the right to them does; then the body breaks off.
pub(super) fn permitted(chunks: impl Stream<Item = io::Result<Bytes>> + Unpin, right: Right) -> impl Stream<Item = io::Result<Bytes>> {
    stream::unfold(Some((chunks, right)), |open| {
        let span = open.as_ref().map_or_else(Span::none, |(_, right)| right.span.clone());
        let next = async move {
            let (mut chunks, mut right) = open?;
            let chunk = chunks.next().await?;
            if right.holds().await {
                return Some((chunk, Some((chunks, right))));
            }
            tracing::info!("a pull was cut off: the right to it ended");
            Some((Err(io::Error::other("cut off")), None))
        };
        next.instrument(span)
    })
}

async fn begin(scope: &mut Scope, view: &View, request: &PullRequest, server_time: Millis) -> Result<(Begin, Seq), DbError> {
    let scopes = view.sight.clone();
    let Stand { seq: to, epoch, min_retained } = store::stand(scope).await?;
    let cursor = request.cursors.iter().find(|cursor| cursor.scope == SyncScope::Tenant).map_or(Seq(0), |cursor| cursor.seq);
    let useful = request.epoch == epoch && cursor > Seq(0) && cursor <= to && cursor >= min_retained && request.scopes == scopes;
    let begin = Begin { scope: SyncScope::Tenant, scopes, epoch, from: if useful { cursor } else { Seq(0) }, to, fresh: !useful, server_time };
    Ok((begin, min_retained))
}

async fn feed(scope: &mut Scope, view: &View, begin: &Begin, out: &mut Out) -> Result<(), io::Error> {
    out.write(&Frame::Begin(begin.clone())).await?;
    let mut lanes = Lanes::new(view, begin);
    let (mut frame, mut weight) = (Vec::new(), 0);
    while let Some(delta) = lanes.next(scope).await.map_err(io::Error::other)? {
        let closes = frame.last().is_some_and(|last| is_row(last) != is_row(&delta));
        if closes || weight >= FRAME_BYTES || frame.len() >= ROWS_PER_FRAME {
            out.write_deltas(std::mem::take(&mut frame)).await?;
            weight = 0;
            if out.is_nearly_full() {
                // From here on the client decides how long this takes; most pulls never come here.
                scope.linger().map_err(io::Error::other)?;
            }
        }
        weight += estimate(&delta);
        frame.push(delta);
    }
    out.write_deltas(frame).await?;
    let (checksum, own) = store::checksums(scope, view).await.map_err(io::Error::other)?;
    out.write(&Frame::Checkpoint(Checkpoint { scope: begin.scope, seq: begin.to, checksum, own })).await?;
    out.finish().await
}

const fn is_row(delta: &Delta) -> bool {
    matches!(delta, Delta::Row(_))
}

/// Bytes of JSON, roughly and never far below.
fn estimate(delta: &Delta) -> usize {
    match delta {
        Delta::Row(synced) => match &synced.row {
            Row::Attempt(attempt) => 4_000 + attempt.steps.len() * 1_200,
            Row::Site(site) => 600 + 4 * site.note.as_ref().map_or(0, String::len),
            Row::Device(device) => 600 + 4 * device.note.as_ref().map_or(0, String::len),
            Row::Bookmark(bookmark) => 600 + 4 * bookmark.note.as_ref().map_or(0, String::len),
            Row::Model(_) => 600,
        },
        Delta::Gone(_) => 120,
    }
}

/// One source of changes in order of sequence: a table, or the tombstones.
struct Lane {
    table: Option<Table>,
    waiting: VecDeque<Delta>,
    after: Seq,
    is_done: bool,
}

/// All sources, merged in order of sequence.
struct Lanes {
    lanes: Vec<Lane>,
    until: Seq,
    view: View,
}

impl Lanes {
    fn new(view: &View, begin: &Begin) -> Self {
        // Who starts from nothing holds nothing that could be gone.
        let graves = (!begin.fresh).then_some(None);
        let sources = Table::ALL.into_iter().map(Some).chain(graves);
        let lanes = sources.map(|table| Lane { table, waiting: VecDeque::new(), after: begin.from, is_done: false }).collect();
        Self { lanes, until: begin.to, view: view.clone() }
    }

    async fn next(&mut self, scope: &mut Scope) -> Result<Option<Delta>, DbError> {
        for lane in &mut self.lanes {
            if lane.waiting.is_empty() && !lane.is_done {
                lane.fill(scope, &self.view, self.until).await?;
            }
        }
        let first = self.lanes.iter_mut().filter(|lane| !lane.waiting.is_empty()).min_by_key(|lane| lane.waiting.front().map(Delta::seq));
        Ok(first.and_then(|lane| lane.waiting.pop_front()))
    }
}

impl Lane {
    async fn fill(&mut self, scope: &mut Scope, view: &View, until: Seq) -> Result<(), DbError> {
        let limit = if self.table == Some(Table::Attempt) { ATTEMPTS_AT_ONCE } else { ROWS_AT_ONCE };
        match self.table {
            Some(table) => self.waiting.extend(store::since(scope, table, view, self.after, until, limit).await?.into_iter().map(Delta::Row)),
            None => self.waiting.extend(store::departed(scope, view, self.after, until, limit).await?.into_iter().map(Delta::Gone)),
        }
        self.is_done = self.waiting.len() < usize::try_from(limit).unwrap_or(usize::MAX);
        if let Some(last) = self.waiting.back() {
            self.after = last.seq();
        }
        Ok(())
    }
}

/// Compressed frames on their way to the client.
struct Out {
    encoder: Encoder<'static, Vec<u8>>,
    chunks: mpsc::Sender<io::Result<Bytes>>,
    until: Instant,
    recorder: Option<Recorder>,
}

impl Out {
    /// Whether the next frames may have to wait for the client.
    fn is_nearly_full(&self) -> bool {
        self.chunks.capacity() < QUEUE / 4
    }

    async fn write_deltas(&mut self, deltas: Vec<Delta>) -> io::Result<()> {
        let (mut rows, mut gone) = (Vec::new(), Vec::new());
        for delta in deltas {
            match delta {
                Delta::Row(row) => rows.push(row),
                Delta::Gone(one) => gone.push(one),
            }
        }
        if !rows.is_empty() {
            self.write(&Frame::Rows(rows)).await?;
        }
        if !gone.is_empty() {
            self.write(&Frame::Gone(gone)).await?;
        }
        Ok(())
    }

    async fn write(&mut self, frame: &Frame) -> io::Result<()> {
        let mut packed = Vec::new();
        frame::write(frame, &mut packed).map_err(io::Error::other)?;
        io::Write::write_all(&mut self.encoder, &packed)?;
        if self.encoder.get_ref().len() >= CHUNK {
            let chunk = std::mem::take(self.encoder.get_mut());
            self.send(chunk).await?;
        }
        Ok(())
    }

    async fn finish(&mut self) -> io::Result<()> {
        self.encoder.do_finish()?;
        let chunk = std::mem::take(self.encoder.get_mut());
        self.send(chunk).await?;
        if let Some(recorder) = self.recorder.take() {
            recorder.finish();
        }
        Ok(())
    }

    async fn send(&mut self, chunk: Vec<u8>) -> io::Result<()> {
        if let Some(recorder) = &mut self.recorder {
            recorder.take(&chunk);
        }
        match tokio::time::timeout_at(self.until, self.chunks.send(Ok(chunk.into()))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(io::Error::other("the client went away")),
            Err(_) => Err(io::Error::other("the client is too slow")),
        }
    }
}

#[cfg(test)]
mod tests {
    use omniot_shared::roles::{Permission, Role};

    use super::*;
    use crate::{
        audit::Author,
        tenancy,
        testing::{App, Log, Tenant},
    };

    async fn right(tenant: &Tenant) -> (Right, crate::testing::Actor) {
        let person = tenant.person(Role::Technician).await;
        let ticket = Ticket::for_test(tenant.id, &person.token, Permission::Sync, "technician");
        let state = tenant.app.state.clone();
        (Right { events: state.bus.subscribe(tenant.id), ticket, checked: Instant::now(), state, span: tracing::info_span!("request", tenant.id = %tenant.id) }, person)
    }

    #[tokio::test]
    async fn nothing_more_goes_out_once_the_right_has_ended() {
        for app in App::both().await {
            let acme = app.tenant("acme").await;
            let owner = acme.person(Role::Owner).await;
            let log = Log::of_this_thread();
            for removes in [true, false] {
                let (right, person) = right(&acme).await;
                let (chunks, received) = mpsc::channel(8);
                let received = stream::unfold(received, |mut received| async { received.recv().await.map(|chunk| (chunk, received)) });
                let mut body = Box::pin(permitted(Box::pin(received), right));
                chunks.send(Ok(Bytes::from_static(b"one"))).await.expect("room");
                assert!(body.next().await.is_some_and(|chunk| chunk.is_ok()), "{}", app.engine);
                chunks.send(Ok(Bytes::from_static(b"two"))).await.expect("it waits in the queue");
                if removes {
                    owner.delete(&format!("/v1/people/{}", person.id)).await.expect(204);
                } else {
                    tenancy::suspend(&app.state, &Author::system("test"), None, acme.id, "unpaid").await.expect("suspended");
                }
                assert!(body.next().await.is_some_and(|chunk| chunk.is_err()), "{}: the body breaks off", app.engine);
                assert!(body.next().await.is_none());
                assert!(log.last("cut off").contains(&format!("tenant.id={}", acme.id)), "the line does not say whose");
            }
        }
    }
}
