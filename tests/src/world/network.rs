//! The network between the app and its server, or several: a TCP relay that can be cut.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// A relay on loopback. Of several servers each connection gets the next. Cut: open connections break off and new ones are dropped.
pub struct Network {
    address: SocketAddr,
    up: watch::Sender<bool>,
    relay: JoinHandle<()>,
    record: Option<Record>,
}

/// All that went over a network: for each connection and direction, its bytes.
type Record = Arc<Mutex<Vec<Arc<Mutex<Vec<u8>>>>>>;

impl Network {
    /// One in front of these servers.
    pub async fn to(servers: &[SocketAddr]) -> Self {
        Self::made(servers, None).await
    }

    /// One that keeps every byte which goes over it.
    pub async fn recorded(servers: &[SocketAddr]) -> Self {
        Self::made(servers, Some(Record::default())).await
    }

    /// What went over it, a connection and direction at a time.
    #[must_use]
    pub fn heard(&self) -> Vec<Vec<u8>> {
        let held = |bytes: &Arc<Mutex<Vec<u8>>>| bytes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.record.iter().flat_map(|record| record.lock().unwrap_or_else(PoisonError::into_inner).iter().map(held).collect::<Vec<_>>()).collect()
    }

    async fn made(servers: &[SocketAddr], record: Option<Record>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (up, state) = watch::channel(true);
        let servers = servers.to_vec();
        let mut turns = servers.into_iter().cycle();
        let written = record.clone();
        let relay = tokio::spawn(async move {
            while let (Ok((near, _)), Some(server)) = (listener.accept().await, turns.next()) {
                tokio::spawn(carry(near, server, state.clone(), written.clone()));
            }
        });
        Self { address, up, relay, record }
    }

    /// What the app takes for the server: `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Cuts it.
    pub fn cut(&self) {
        self.up.send_replace(false);
    }

    /// Brings it back.
    pub fn restore(&self) {
        self.up.send_replace(true);
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.relay.abort();
    }
}

async fn carry(mut near: TcpStream, server: SocketAddr, mut up: watch::Receiver<bool>, record: Option<Record>) {
    if !*up.borrow_and_update() {
        return;
    }
    let Ok(mut far) = TcpStream::connect(server).await else { return };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let carried = async {
        match record {
            None => copy_bidirectional(&mut near, &mut far).await.map(drop),
            Some(record) => listen(&mut near, &mut far, &record).await,
        }
    };
    tokio::select! {
        _ = carried => {}
        // Any change: a cut that is mended at once has broken what was open all the same.
        _ = up.changed() => {}
    }
}

/// Carries both directions and keeps them.
async fn listen(near: &mut TcpStream, far: &mut TcpStream, record: &Record) -> std::io::Result<()> {
    let [out, back] = [Arc::<Mutex<Vec<u8>>>::default(), Arc::default()];
    record.lock().unwrap_or_else(PoisonError::into_inner).extend([Arc::clone(&out), Arc::clone(&back)]);
    let ((near_read, near_write), (far_read, far_write)) = (near.split(), far.split());
    tokio::try_join!(copy(near_read, far_write, &out), copy(far_read, near_write, &back)).map(drop)
}

async fn copy(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, kept: &Mutex<Vec<u8>>) -> std::io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        kept.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..length]);
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..length]).await?;
    }
}
