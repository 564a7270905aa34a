//! Something between the app and its server that misbehaves on purpose.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, atomic::{AtomicUsize, Ordering}},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// What it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Passes everything on.
    Honest,
    /// Answers everything itself, with a page that wants a sign-in.
    CaptivePortal,
    /// Lets so many bytes of the answer to a pull through, then hangs up.
    CutsPulls(usize),
    /// Carries a push to the server and swallows the answer.
    SwallowsReceipts,
    /// Carries a file of an attempt to the server and swallows the answer.
    SwallowsFiles,
    /// Answers a file of an attempt itself, as an appliance that says "fine" to all it scans, and passes on what it heard
    /// of the server before.
    BlessesFiles,
    /// Carries half of a file of an attempt, then hangs up.
    HalvesFiles,
    /// Lets so many bytes of each piece of a segment through, then hangs up.
    CutsSegments(usize),
    /// Lets so many bytes of a segment through, then hangs up, and carries no request for the rest before it is honest.
    HoldsPieces(usize),
    /// Lets rows through so many bytes a hundredth of a second.
    Trickles(usize),
    /// Keeps answers that do not end: streams.
    HoldsStreams,
    /// A proxy that takes no body longer than so many bytes, and answers with a page of its own.
    SmallBodies(usize),
    /// Hangs up on every request with a body longer than so many bytes.
    BreaksBodies(usize),
    /// A filter that dislikes a word, and answers with a page of its own.
    Dislikes(&'static str),
}

/// A relay on loopback with a mood.
pub struct Middlebox {
    address: SocketAddr,
    mood: watch::Sender<Mood>,
    heard: Arc<Heard>,
    relay: JoinHandle<()>,
}

/// What went by.
#[derive(Default)]
struct Heard {
    pieces: Mutex<Vec<String>>,
    rows: AtomicUsize,
}

impl Heard {
    fn pieces(&self) -> MutexGuard<'_, Vec<String>> {
        self.pieces.lock().expect("nobody panics with it")
    }
}

const PAGE: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 31\r\nconnection: close\r\n\r\n<html>Welcome, sign in!</html>\n";

impl Middlebox {
    /// An honest one in front of `server`.
    pub async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (mood, moods) = watch::channel(Mood::Honest);
        let heard = Arc::new(Heard::default());
        let hears = Arc::clone(&heard);
        let relay = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, server, moods.clone(), Arc::clone(&hears)));
            }
        });
        Self { address, mood, heard, relay }
    }

    /// What the app takes for the server.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The paths under which pieces of segments were asked for that are not the first.
    pub fn pieces(&self) -> Vec<String> {
        self.heard.pieces().clone()
    }

    /// How many bytes of pulls and segments went to the app.
    pub fn fetched(&self) -> usize {
        self.heard.rows.load(Ordering::SeqCst)
    }

    /// Another mood from now on; connections that are open break off.
    pub fn becomes(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }
}

impl Drop for Middlebox {
    fn drop(&mut self) {
        self.relay.abort();
    }
}

const BLESSED: &str = "HTTP/1.1 200 OK\r\nx-request-id: 0198c0f2a7b87e0e9c1d2e3f4a5b6c7d\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

const TOO_LARGE: &str = "HTTP/1.1 413 Payload Too Large\r\ncontent-type: text/html\r\ncontent-length: 13\r\nconnection: close\r\n\r\n<html>No!\n\n\n";

const FORBIDDEN: &str = "HTTP/1.1 403 Forbidden\r\ncontent-type: text/html\r\ncontent-length: 13\r\nconnection: close\r\n\r\n<html>No!\n\n\n";

/// The length of the body that a request announces.
fn announced(question: &[u8]) -> usize {
    let text = String::from_utf8_lossy(question).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:")).and_then(|value| value.trim().parse().ok());
    length.unwrap_or(0)
}

/// Whether the last request of a connection is for that.
fn asks_for(asked: &str, what: &str) -> bool {
    asked.rsplit("/v1/sync/").next().is_some_and(|last| last.starts_with(what) && !last.contains("/v1/"))
}

async fn carry(mut near: TcpStream, server: SocketAddr, mut moods: watch::Receiver<Mood>, heard: Arc<Heard>) {
    let mood = *moods.borrow_and_update();
    if mood == Mood::CaptivePortal {
        let _ = near.read(&mut [0; 16 * 1024]).await;
        let _ = near.write_all(PAGE.as_bytes()).await;
        return;
    }
    if matches!(mood, Mood::SmallBodies(_) | Mood::BreaksBodies(_) | Mood::Dislikes(_) | Mood::BlessesFiles) {
        return proxy(near, server, mood, moods).await;
    }
    let Ok(far) = TcpStream::connect(server).await else { return };
    let (mut from_app, mut to_app) = near.into_split();
    let (mut from_server, mut to_server) = far.into_split();
    let asked = Arc::new(tokio::sync::Mutex::new(Vec::new()));
    let (mut later, holds) = (moods.clone(), matches!(mood, Mood::HoldsPieces(_)));
    let questions = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from_app.read(&mut buffer).await {
            asked.lock().await.extend_from_slice(&buffer[..read]);
            let question = String::from_utf8_lossy(&buffer[..read]);
            if question.to_ascii_lowercase().contains("range: bytes=") {
                heard.pieces().extend(question.split(' ').nth(1).map(str::to_owned));
                if holds {
                    let _ = later.wait_for(|mood| *mood == Mood::Honest).await;
                }
            }
            let halves = mood == Mood::HalvesFiles && String::from_utf8_lossy(&asked.lock().await).contains("PUT /v1/attempts/");
            if to_server.write_all(&buffer[..if halves { read / 2 } else { read }]).await.is_err() || halves {
                break;
            }
        }
    };
    let answers = async {
        let (mut buffer, mut passed) = (vec![0; 64 * 1024], 0);
        while let Ok(read @ 1..) = from_server.read(&mut buffer).await {
            let asked = String::from_utf8_lossy(&asked.lock().await).into_owned();
            let room = match mood {
                Mood::HoldsStreams if asked.contains("/v1/sync/stream") => std::future::pending().await,
                Mood::HoldsPieces(room) if asks_for(&asked, "segment") && heard.pieces().is_empty() => room.saturating_sub(passed),
                Mood::CutsSegments(room) if asked.contains("/v1/sync/segment") => room.saturating_sub(passed),
                Mood::CutsPulls(room) if asked.contains("/v1/sync/pull") => room.saturating_sub(passed),
                Mood::SwallowsFiles if asked.contains("PUT /v1/attempts/") => 0,
                Mood::SwallowsReceipts if asked.contains("/v1/sync/push") => 0,
                _ => usize::MAX,
            };
            if asked.contains("/v1/sync/pull") || asked.contains("/v1/sync/segment") {
                passed += read;
            }
            let rows = asks_for(&asked, "pull") || asks_for(&asked, "segment");
            let trickles = if let Mood::Trickles(bytes) = mood && rows { Some(bytes) } else { None };
            for part in buffer[..read.min(room)].chunks(trickles.unwrap_or(read)) {
                if to_app.write_all(part).await.is_err() {
                    return;
                }
                heard.rows.fetch_add(if rows { part.len() } else { 0 }, Ordering::SeqCst);
                if trickles.is_some() {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
            if read > room {
                break;
            }
        }
    };
    tokio::select! {
        () = questions => {}
        () = answers => {}
        _ = moods.changed(), if !holds => {}
    }
}

/// One request for each connection: passed on when it is small enough and nothing is wrong with it, refused otherwise.
async fn proxy(mut near: TcpStream, server: SocketAddr, mood: Mood, mut moods: watch::Receiver<Mood>) {
    let (mut question, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    while !question.windows(4).any(|window| window == b"\r\n\r\n") {
        match near.read(&mut buffer).await {
            Ok(read @ 1..) => question.extend_from_slice(&buffer[..read]),
            _ => return,
        }
    }
    let refusal = match mood {
        Mood::BlessesFiles => question.starts_with(b"PUT /v1/attempts/").then_some(BLESSED),
        Mood::BreaksBodies(room) if announced(&question) > room => return,
        Mood::SmallBodies(room) => (announced(&question) > room).then_some(TOO_LARGE),
        Mood::Dislikes(word) => {
            let body = question.windows(4).position(|window| window == b"\r\n\r\n").map_or(0, |end| end + 4);
            while question.len() < body + announced(&question[..body]) {
                match near.read(&mut buffer).await {
                    Ok(read @ 1..) => question.extend_from_slice(&buffer[..read]),
                    _ => return,
                }
            }
            String::from_utf8_lossy(&question).contains(word).then_some(FORBIDDEN)
        }
        _ => None,
    };
    if let Some(refusal) = refusal {
        let _ = near.write_all(refusal.as_bytes()).await;
        // What still comes is read, or the answer would be lost with the connection.
        let _ = tokio::time::timeout(std::time::Duration::from_millis(200), async { while let Ok(1..) = near.read(&mut buffer).await {} }).await;
        return;
    }
    let Ok(mut far) = TcpStream::connect(server).await else { return };
    let line = question.windows(2).position(|window| window == b"\r\n").map_or(0, |end| end + 2);
    let once = [&question[..line], b"connection: close\r\n", &question[line..]].concat();
    if far.write_all(&once).await.is_err() {
        return;
    }
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
        _ = moods.changed() => {}
    }
}
