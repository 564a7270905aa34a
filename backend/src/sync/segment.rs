//! Segments: a large first pull, kept as it went out for those who come after.
//!
//! The first one who pulls all that they see is recorded ([`Recorder`]); whoever sees the same and comes next in the
//! same epoch is shown to the recording, fetches it in as many pieces as the network needs, and pulls what is newer
//! from there. Those who come while it is recorded wait for it, not for long. A segment holds what those of one sight
//! see who have nothing of their own, so nobody else is shown to it: everybody who sees everything shares one, and so
//! does a team that works at the same sites. All of it is memory of this process; what is kept is bounded over all
//! tenants (a recording under way is not counted yet): what is pushed out is made again.
//! Deliberately not here: reading rows (`pull`).

use std::{collections::HashMap, sync::{Arc, Mutex, MutexGuard, PoisonError}, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::stream;
use http_range_header::parse_range_header;
use lru::LruCache;
use omniot_shared::{
    ids::TenantId,
    sync::{
        Seq, Sight,
        frame::MEDIA_TYPE,
        wire::{Begin, Frame, Segment as Named},
    },
};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use super::pull::{self, Right};
use crate::http::{ApiError, is_known, still_stands};

/// Fewer rows are read and sent as fast as they are looked up.
pub(super) const FEW: u64 = if cfg!(test) { 100 } else { 2_000 };
/// Bytes of all segments in memory.
const ROOM: usize = 128 * 1024 * 1024;
/// Bytes of one.
const LARGEST: usize = 32 * 1024 * 1024;
/// How long somebody waits for one that is being recorded.
const PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 10 });
/// Bytes that go out together.
const CHUNK: usize = 64 * 1024;

/// A first pull up to `seq`.
#[derive(Debug)]
pub struct Segment {
    epoch: u64,
    seq: Seq,
    rows: u64,
    bytes: Bytes,
    /// Epoch, sequence and a part of the hash of the bytes: another process makes other bytes of the same rows.
    id: String,
}

impl Segment {
    /// Whether what came since is little beside it, and none of it is forgotten by now.
    fn suits(&self, begin: &Begin, min_retained: Seq) -> bool {
        let since = begin.to.0.saturating_sub(self.seq.0);
        let little = i64::try_from(self.rows / 10).unwrap_or(i64::MAX);
        self.epoch == begin.epoch && self.seq >= min_retained && (0..=little).contains(&since)
    }

    /// The answer to a pull that is shown to it.
    ///
    /// # Errors
    /// Of packing, which fails for nothing this small.
    pub fn shown(&self, begin: &Begin) -> std::io::Result<Body> {
        let named = Named { id: self.id.clone(), seq: self.seq, rows: self.rows, bytes: self.bytes.len() as u64 };
        pull::packed(&[Frame::Begin(begin.clone()), Frame::Segment(named)]).map(Body::from)
    }
}

/// Of which tenant a segment is, and who there may have it.
type Whose = (TenantId, Sight);

/// The segments of this process.
#[derive(Debug, Clone)]
pub struct Segments(Arc<Mutex<Kept>>);

#[derive(Debug)]
struct Kept {
    whole: LruCache<Whose, Arc<Segment>>,
    bytes: usize,
    /// Those under way; who waits sees the sender go.
    recorded: HashMap<Whose, watch::Receiver<()>>,
}

impl Default for Segments {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Kept { whole: LruCache::unbounded(), bytes: 0, recorded: HashMap::new() })))
    }
}

/// What a first pull is told.
pub enum Place {
    /// There is one.
    Kept(Arc<Segment>),
    /// Somebody is on it: see [`Waiting::over`].
    Recorded(Waiting),
    /// There is none; this pull makes it.
    Records(Recorder),
}

/// Somebody else's pull is being recorded.
pub struct Waiting {
    recorded: watch::Receiver<()>,
}

impl Waiting {
    /// Waits until it is there, or fails, or takes too long.
    pub async fn over(mut self) {
        let _ = tokio::time::timeout(PATIENCE, self.recorded.changed()).await;
    }
}

impl Segments {
    /// Where a pull of `rows` rows stands that begins anew.
    #[must_use]
    pub fn place(&self, tenant: TenantId, begin: &Begin, min_retained: Seq, rows: u64) -> Place {
        if let Some(segment) = self.kept(tenant, begin, min_retained) {
            return Place::Kept(segment);
        }
        let mut kept = self.all();
        let whose = (tenant, begin.scopes.clone());
        if let Some(recorded) = kept.recorded.get(&whose) {
            return Place::Recorded(Waiting { recorded: recorded.clone() });
        }
        let (over, recorded) = watch::channel(());
        kept.recorded.insert(whose.clone(), recorded);
        Place::Records(Recorder { segments: self.clone(), whose, epoch: begin.epoch, seq: begin.to, rows, bytes: Vec::new(), _over: over })
    }

    /// The one that is kept and of use to that pull.
    #[must_use]
    pub fn kept(&self, tenant: TenantId, begin: &Begin, min_retained: Seq) -> Option<Arc<Segment>> {
        self.all().whole.get(&(tenant, begin.scopes.clone())).filter(|segment| segment.suits(begin, min_retained)).cloned()
    }

    /// That segment, while it is kept, for somebody who sees what is in it.
    #[must_use]
    pub fn named(&self, tenant: TenantId, sight: &Sight, epoch: u64, id: &str) -> Option<Arc<Segment>> {
        self.all().whole.get(&(tenant, sight.clone())).filter(|segment| segment.epoch == epoch && segment.id == id).cloned()
    }

    fn all(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn keep(&mut self, whose: Whose, segment: Segment) {
        self.bytes += segment.bytes.len();
        if let Some(before) = self.whole.put(whose, Arc::new(segment)) {
            self.bytes -= before.bytes.len();
        }
        while self.bytes > ROOM {
            let Some((_, oldest)) = self.whole.pop_lru() else { break };
            self.bytes -= oldest.bytes.len();
        }
    }
}

/// A pull that is kept as it goes out. Dropped before its end, nothing is.
pub struct Recorder {
    segments: Segments,
    whose: Whose,
    epoch: u64,
    seq: Seq,
    rows: u64,
    bytes: Vec<u8>,
    _over: watch::Sender<()>,
}

impl Recorder {
    /// What goes out next.
    pub fn take(&mut self, chunk: &[u8]) {
        // One that is too large is not kept; its end would be missing.
        if self.bytes.len() <= LARGEST {
            self.bytes.extend_from_slice(chunk);
        }
    }

    /// All has gone out.
    pub fn finish(mut self) {
        if self.bytes.len() <= LARGEST {
            let bytes = Bytes::from(std::mem::take(&mut self.bytes));
            let id = format!("{}-{}-{}", self.epoch, self.seq.0, hex::encode(&Sha256::digest(&bytes)[..8]));
            let whose = self.whose.clone();
            self.segments.all().keep(whose, Segment { epoch: self.epoch, seq: self.seq, rows: self.rows, bytes, id });
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.segments.all().recorded.remove(&self.whose);
    }
}

/// A segment, or the part of it that is asked for, while the right to it lasts.
pub fn answer(segment: &Segment, asked: &HeaderMap, right: Right) -> Response {
    let tag = format!("\"{}\"", segment.id);
    let mut response = match part(segment, asked, &tag) {
        _ if is_known(asked, &tag) => StatusCode::NOT_MODIFIED.into_response(),
        Ok(None) => body(segment.bytes.clone(), right).into_response(),
        Ok(Some((first, last))) => {
            let mut response = (StatusCode::PARTIAL_CONTENT, body(segment.bytes.slice(first..=last), right)).into_response();
            set(&mut response, header::CONTENT_RANGE, &format!("bytes {first}-{last}/{}", segment.bytes.len()));
            response
        }
        Err(()) => {
            let mut response = ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, "invalid_field", "There are no such bytes.").into_response();
            set(&mut response, header::CONTENT_RANGE, &format!("bytes */{}", segment.bytes.len()));
            return response;
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // Asked for each time: the right to it may end, though it never changes.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.append(header::VARY, HeaderValue::from_static("authorization, cookie"));
    set(&mut response, header::ETAG, &tag);
    response
}

fn set(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// First and last byte that are wanted; `None`: all. Several ranges are answered with all, as they may be.
fn part(segment: &Segment, asked: &HeaderMap, tag: &str) -> Result<Option<(usize, usize)>, ()> {
    let Some(range) = asked.get(header::RANGE).filter(|_| still_stands(asked, tag)) else { return Ok(None) };
    let Some(ranges) = range.to_str().ok().and_then(|range| parse_range_header(range).ok()) else { return Ok(None) };
    let ranges = ranges.validate(segment.bytes.len() as u64).map_err(drop)?;
    let [range] = ranges.as_slice() else { return Ok(None) };
    let at = |byte: u64| usize::try_from(byte).map_err(drop);
    Ok(Some((at(*range.start())?, at(*range.end())?)))
}

fn body(bytes: Bytes, right: Right) -> Body {
    let chunks = (0..bytes.len()).step_by(CHUNK).map(move |from| Ok(bytes.slice(from..bytes.len().min(from + CHUNK))));
    Body::from_stream(pull::permitted(stream::iter(chunks), right))
}
