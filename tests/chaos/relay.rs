//! The way of one app to its server, which does to each request what networks do: loses it, cuts it or
//! its answer at any byte, holds it back, lets it arrive twice, or long after those that came later.
//!
//! What becomes of a request is drawn from the run's seed, in the order in which requests come.
//! Deliberately not here: when the weather changes (`nemesis`), how HTTP looks (`wire`).

use std::{
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use omniot_tests::world::eventually;
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{chronicle::Chronicle, wire};

/// A copy of a request is given up when it is not answered for so long.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the way is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// Everything passes.
    Clear,
    /// Each request meets a fate of its own.
    Rough,
    /// Everything passes, late and in small pieces.
    Slow,
    /// Connections stand, and nothing passes; they break when it is over.
    Hole,
    /// Connections break, and none is made.
    Down,
}

/// What becomes of one request.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Passes,
    Waits(Duration),
    Trickles,
    /// So many bytes of it arrive.
    IsCut(usize),
    /// It arrives, and so many more bytes come back on this connection.
    AnswerIsCut(usize),
    /// It arrives, and a copy of it so much later on a connection of its own.
    Twice(Duration),
    /// It seems to be lost, and arrives so much later.
    Late(Duration),
}

/// A relay on loopback.
pub struct Relay {
    address: SocketAddr,
    way: Arc<Way>,
    task: JoinHandle<()>,
}

struct Way {
    name: String,
    servers: Vec<SocketAddr>,
    turn: AtomicUsize,
    weather: watch::Sender<Weather>,
    chance: Mutex<ChaCha8Rng>,
    chronicle: Arc<Chronicle>,
    /// Everything that servers sent, by connection.
    heard: Mutex<Vec<Vec<u8>>>,
    asked: AtomicU64,
    strays: AtomicUsize,
}

/// What the questions of a connection decide about its answers.
struct Pace {
    /// So many bytes may still pass.
    room: AtomicUsize,
    trickles: AtomicBool,
}

impl Relay {
    /// One for the app of that name, in front of these servers: each connection gets the next.
    pub async fn to(servers: &[SocketAddr], name: &str, chronicle: &Arc<Chronicle>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let way = Arc::new(Way {
            name: name.to_owned(),
            servers: servers.to_vec(),
            turn: AtomicUsize::new(0),
            weather: watch::channel(Weather::Clear).0,
            chance: Mutex::new(chronicle.chance(&format!("the way of {name}"))),
            chronicle: Arc::clone(chronicle),
            heard: Mutex::default(),
            asked: AtomicU64::new(0),
            strays: AtomicUsize::new(0),
        });
        let ways = Arc::clone(&way);
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&ways).carry(near));
            }
        });
        Self { address, way, task }
    }

    /// What the app takes for the server.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes the weather.
    pub fn becomes(&self, weather: Weather) {
        self.way.chronicle.note(format!("{}: the way is {weather:?}", self.way.name));
        self.way.weather.send_replace(weather);
    }

    /// Clear weather, and everything that was on its way has arrived or is lost.
    pub async fn heals(&self) {
        self.becomes(Weather::Down);
        eventually("late requests arrive", || async { (self.way.strays.load(Ordering::SeqCst) == 0).then_some(()) }).await;
        self.becomes(Weather::Clear);
    }

    /// How many requests were made so far, and connections tried in vain.
    pub fn asked(&self) -> u64 {
        self.way.asked.load(Ordering::SeqCst)
    }

    /// Every body that a server has sent this way, unpacked.
    pub fn heard(&self) -> Vec<String> {
        let heard = self.way.heard.lock().unwrap();
        heard.iter().flat_map(|bytes| wire::answers(bytes).0).map(|body| wire::text(&body)).collect()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Way {
    fn server(&self) -> SocketAddr {
        self.servers[self.turn.fetch_add(1, Ordering::SeqCst) % self.servers.len()]
    }

    async fn carry(self: Arc<Self>, near: TcpStream) {
        let mut weather = self.weather.subscribe();
        if *weather.borrow_and_update() == Weather::Down {
            self.asked.fetch_add(1, Ordering::SeqCst);
            return;
        }
        let Ok(far) = TcpStream::connect(self.server()).await else { return };
        let _ = (near.set_nodelay(true), far.set_nodelay(true));
        let ((from_app, to_app), (from_server, to_server)) = (near.into_split(), far.into_split());
        let pace = Pace { room: AtomicUsize::new(usize::MAX), trickles: AtomicBool::new(false) };
        let mut questions = pin!(self.questions(from_app, to_server, &pace));
        let mut answers = pin!(self.answers(from_server, to_app, &pace));
        loop {
            let now = *weather.borrow_and_update();
            match now {
                Weather::Down => return,
                Weather::Hole => {
                    let _ = weather.changed().await;
                    return;
                }
                _ => {}
            }
            tokio::select! {
                () = &mut questions => return,
                () = &mut answers => return,
                _ = weather.changed() => {}
            }
        }
    }

    async fn questions(self: &Arc<Self>, mut from_app: OwnedReadHalf, mut to_server: OwnedWriteHalf, pace: &Pace) {
        let (mut bytes, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
        loop {
            let whole = wire::request_length(&bytes).filter(|length| bytes.len() >= *length);
            let Some(length) = whole else {
                match from_app.read(&mut buffer).await {
                    Ok(read @ 1..) => bytes.extend_from_slice(&buffer[..read]),
                    _ => return,
                }
                continue;
            };
            let rest = bytes.split_off(length);
            if !self.pass(std::mem::replace(&mut bytes, rest), &mut to_server, pace).await {
                return;
            }
        }
    }

    /// Does to a request what its fate is. `false`: the connection is over.
    async fn pass(self: &Arc<Self>, request: Vec<u8>, to_server: &mut OwnedWriteHalf, pace: &Pace) -> bool {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let line = wire::request_line(&request);
        let fate = self.fate(&line, request.len());
        if !matches!(fate, Fate::Passes) {
            self.chronicle.note(format!("{}: {line} ({} bytes): {fate:?}", self.name, request.len()));
        }
        match fate {
            Fate::Passes => {}
            Fate::Waits(pause) => sleep(pause).await,
            Fate::Trickles => pace.trickles.store(true, Ordering::SeqCst),
            Fate::IsCut(at) => {
                let _ = to_server.write_all(&request[..at]).await;
                return false;
            }
            Fate::AnswerIsCut(at) => pace.room.store(at, Ordering::SeqCst),
            Fate::Twice(later) => self.stray(request.clone(), later),
            Fate::Late(later) => {
                self.stray(request, later);
                return false;
            }
        }
        write(to_server, &request, matches!(fate, Fate::Trickles)).await.is_ok()
    }

    fn fate(&self, line: &str, length: usize) -> Fate {
        let weather = *self.weather.borrow();
        let mut chance = self.chance.lock().unwrap();
        let (drawn, is_push, is_post) = (chance.random_range(0..100), line.ends_with("/push"), line.starts_with("POST"));
        let mut ms = |from: u64, to: u64| Duration::from_millis(chance.random_range(from..to));
        match (weather, drawn) {
            (Weather::Slow, 0..50) => Fate::Waits(ms(50, 400)),
            (Weather::Slow, _) => Fate::Trickles,
            (Weather::Rough, 0..10) => Fate::IsCut(chance.random_range(0..length)),
            (Weather::Rough, 10..25) => Fate::AnswerIsCut(chance.random_range(0..1_200)),
            (Weather::Rough, 25..30) => Fate::Trickles,
            (Weather::Rough, 30..40) => Fate::Waits(ms(10, 300)),
            (Weather::Rough, 40..65) if is_push => Fate::Twice(ms(0, 2_500)),
            (Weather::Rough, 65..80) if is_push => Fate::Late(ms(100, 3_500)),
            (Weather::Rough, 40..48) if is_post => Fate::Twice(ms(0, 1_000)),
            _ => Fate::Passes,
        }
    }

    /// Lets a request arrive later, on a connection of its own; nobody waits for its answer.
    fn stray(self: &Arc<Self>, request: Vec<u8>, later: Duration) {
        self.strays.fetch_add(1, Ordering::SeqCst);
        let way = Arc::clone(self);
        tokio::spawn(async move {
            sleep(later).await;
            let said = match timeout(PATIENCE, way.deliver(&request)).await {
                Ok(Some(status)) => status,
                Ok(None) => "lost".to_owned(),
                Err(_) => "unanswered".to_owned(),
            };
            way.chronicle.note(format!("{}: {} came {later:?} late: {said}", way.name, wire::request_line(&request)));
            way.strays.fetch_sub(1, Ordering::SeqCst);
        });
    }

    /// The status line of the answer.
    async fn deliver(&self, request: &[u8]) -> Option<String> {
        let mut far = TcpStream::connect(self.server()).await.ok()?;
        far.write_all(request).await.ok()?;
        let (mut bytes, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
        while bytes.is_empty() || !wire::answers(&bytes).1 {
            let read = far.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
            bytes.extend_from_slice(&buffer[..read]);
        }
        let status = wire::request_line(&bytes);
        self.heard.lock().unwrap().push(bytes);
        Some(status)
    }

    async fn answers(&self, mut from_server: OwnedReadHalf, mut to_app: OwnedWriteHalf, pace: &Pace) {
        let connection = {
            let mut heard = self.heard.lock().unwrap();
            heard.push(Vec::new());
            heard.len() - 1
        };
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from_server.read(&mut buffer).await {
            self.heard.lock().unwrap()[connection].extend_from_slice(&buffer[..read]);
            let room = pace.room.load(Ordering::SeqCst);
            let written = write(&mut to_app, &buffer[..read.min(room)], pace.trickles.load(Ordering::SeqCst)).await;
            if written.is_err() || read > room {
                return;
            }
            if room != usize::MAX {
                pace.room.store(room - read, Ordering::SeqCst);
            }
        }
    }
}

/// Writes all of it, in small pieces when it trickles.
async fn write(to: &mut OwnedWriteHalf, bytes: &[u8], trickles: bool) -> std::io::Result<()> {
    if !trickles {
        return to.write_all(bytes).await;
    }
    for piece in bytes.chunks(61) {
        to.write_all(piece).await?;
        sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}
