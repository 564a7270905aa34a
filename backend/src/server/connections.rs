//! Connections: how many there may be, and how long a silent one is kept.
//!
//! Deliberately not here: limits of requests (`http::surround`) and of tries (`identity::throttle`).

use std::{
    future::{Ready, ready},
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum_server::{Address, Server, accept::Accept};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
};

/// An HTTP/2 connection is asked for a sign of life this often, and given as long to show it.
const SIGN_OF_LIFE: Duration = Duration::from_secs(20);

/// Sets the patience of a server: whoever has not sent the head of a request after `headers` is cut
/// off, and so is who rests as long between two.
pub(super) fn bounded<Addr: Address, A>(mut server: Server<Addr, A>, headers: Duration) -> Server<Addr, A> {
    let builder = server.http_builder();
    builder.http1().header_read_timeout(headers);
    builder.http2().keep_alive_interval(SIGN_OF_LIFE).keep_alive_timeout(SIGN_OF_LIFE).max_concurrent_streams(128);
    server.first_request_timeout(headers)
}

/// Lets in so many connections at once; one more is closed unanswered.
#[derive(Debug, Clone)]
pub(super) struct Door {
    places: Arc<Semaphore>,
}

impl Door {
    pub(super) fn new(places: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS))) }
    }
}

impl<S> Accept<TcpStream, S> for Door {
    type Stream = Guest<TcpStream>;
    type Service = S;
    type Future = Ready<io::Result<(Guest<TcpStream>, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        // A poke or a receipt is small and must not wait for more to say (Nagle): 40 ms on loopback.
        if let Err(error) = stream.set_nodelay(true) {
            return ready(Err(error));
        }
        ready(match self.places.clone().try_acquire_owned() {
            Ok(place) => Ok((Guest { stream, _place: place }, service)),
            Err(_) => {
                metrics::counter!("omniot_connections_refused").increment(1);
                Err(io::Error::new(io::ErrorKind::ConnectionRefused, "there are too many connections"))
            }
        })
    }
}

/// A connection that was let in; its place is free again when it ends.
#[derive(Debug)]
pub(super) struct Guest<I> {
    stream: I,
    _place: OwnedSemaphorePermit,
}

impl<I: AsyncRead + Unpin> AsyncRead for Guest<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Guest<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
