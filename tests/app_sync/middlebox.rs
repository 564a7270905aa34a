//! Something between the app and its server that misbehaves on purpose.

use std::{net::SocketAddr, sync::Arc};

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
}

/// A relay on loopback with a mood.
pub struct Middlebox {
    address: SocketAddr,
    mood: watch::Sender<Mood>,
    relay: JoinHandle<()>,
}

const PAGE: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 31\r\nconnection: close\r\n\r\n<html>Welcome, sign in!</html>\n";

impl Middlebox {
    /// An honest one in front of `server`.
    pub async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (mood, moods) = watch::channel(Mood::Honest);
        let relay = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, server, moods.clone()));
            }
        });
        Self { address, mood, relay }
    }

    /// What the app takes for the server.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
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

async fn carry(mut near: TcpStream, server: SocketAddr, mut moods: watch::Receiver<Mood>) {
    let mood = *moods.borrow_and_update();
    if mood == Mood::CaptivePortal {
        let _ = near.read(&mut [0; 16 * 1024]).await;
        let _ = near.write_all(PAGE.as_bytes()).await;
        return;
    }
    let Ok(far) = TcpStream::connect(server).await else { return };
    let (mut from_app, mut to_app) = near.into_split();
    let (mut from_server, mut to_server) = far.into_split();
    let asked = Arc::new(tokio::sync::Mutex::new(Vec::new()));
    let questions = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from_app.read(&mut buffer).await {
            asked.lock().await.extend_from_slice(&buffer[..read]);
            if to_server.write_all(&buffer[..read]).await.is_err() {
                break;
            }
        }
    };
    let answers = async {
        let (mut buffer, mut passed) = (vec![0; 64 * 1024], 0);
        while let Ok(read @ 1..) = from_server.read(&mut buffer).await {
            let asked = String::from_utf8_lossy(&asked.lock().await).into_owned();
            let room = match mood {
                Mood::CutsPulls(room) if asked.contains("/v1/sync/pull") => room.saturating_sub(passed),
                Mood::SwallowsReceipts if asked.contains("/v1/sync/push") => 0,
                _ => usize::MAX,
            };
            if asked.contains("/v1/sync/pull") {
                passed += read;
            }
            if to_app.write_all(&buffer[..read.min(room)]).await.is_err() || read > room {
                break;
            }
        }
    };
    tokio::select! {
        () = questions => {}
        () = answers => {}
        _ = moods.changed() => {}
    }
}
