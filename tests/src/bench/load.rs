//! A plain load: a few connections that ask the same thing over and over.

use std::{net::SocketAddr, sync::{Arc, atomic::{AtomicBool, AtomicU64, Ordering}}, time::{Duration, Instant}};

use axum::{Router, serve::ListenerExt as _};
use tokio::{io::{AsyncReadExt as _, AsyncWriteExt as _}, net::{TcpListener, TcpStream}};

/// Serves a router on a free loopback port.
pub async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    // As the server does it: small answers go out at once.
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).expect("nodelay"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// A GET, ready to be written to a socket.
#[must_use]
pub fn get(path: &str, token: Option<&str>) -> Vec<u8> {
    let authorization = token.map_or_else(String::new, |token| format!("authorization: Bearer {token}\r\n"));
    format!("GET {path} HTTP/1.1\r\nhost: bench\r\n{authorization}\r\n").into_bytes()
}

/// Answers a second while `connections` ask without pause for `duration`.
///
/// # Panics
/// When an answer is not 200.
pub async fn throughput(address: SocketAddr, request: &[u8], connections: usize, duration: Duration) -> f64 {
    let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let began = Instant::now();
    let askers: Vec<_> = (0..connections).map(|_| {
        let (stop, count, request) = (stop.clone(), count.clone(), request.to_vec());
        tokio::spawn(async move {
            let mut stream = TcpStream::connect(address).await.expect("a connection");
            stream.set_nodelay(true).expect("nodelay");
            let mut buffer = Vec::with_capacity(64 * 1024);
            while !stop.load(Ordering::Relaxed) {
                ask(&mut stream, &request, &mut buffer).await;
                count.fetch_add(1, Ordering::Relaxed);
            }
        })
    }).collect();
    tokio::time::sleep(duration).await;
    stop.store(true, Ordering::Relaxed);
    for asker in askers {
        asker.await.expect("an asker");
    }
    #[allow(clippy::cast_precision_loss, reason = "a count of answers")]
    let answers = count.load(Ordering::Relaxed) as f64;
    answers / began.elapsed().as_secs_f64()
}

async fn ask(stream: &mut TcpStream, request: &[u8], buffer: &mut Vec<u8>) {
    stream.write_all(request).await.expect("the request is sent");
    buffer.clear();
    loop {
        assert!(stream.read_buf(buffer).await.expect("an answer") > 0, "the server hung up");
        let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = std::str::from_utf8(&buffer[..end]).expect("a head").to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 200"), "{head}\n{}", String::from_utf8_lossy(&buffer[end..]));
        let length: usize = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length").parse().expect("a number");
        while buffer.len() < end + 4 + length {
            assert!(stream.read_buf(buffer).await.expect("a body") > 0, "the server hung up");
        }
        return;
    }
}
