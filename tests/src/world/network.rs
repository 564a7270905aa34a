//! The network between the app and its server, or several: a TCP relay that can be cut.

use std::net::SocketAddr;

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// A relay on loopback. Of several servers each connection gets the next. Cut: open connections break off and new ones are dropped.
pub struct Network {
    address: SocketAddr,
    up: watch::Sender<bool>,
    relay: JoinHandle<()>,
}

impl Network {
    /// One in front of these servers.
    pub async fn to(servers: &[SocketAddr]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (up, state) = watch::channel(true);
        let servers = servers.to_vec();
        let mut turns = servers.into_iter().cycle();
        let relay = tokio::spawn(async move {
            while let (Ok((near, _)), Some(server)) = (listener.accept().await, turns.next()) {
                tokio::spawn(carry(near, server, state.clone()));
            }
        });
        Self { address, up, relay }
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

async fn carry(mut near: TcpStream, server: SocketAddr, mut up: watch::Receiver<bool>) {
    if !*up.borrow_and_update() {
        return;
    }
    let Ok(mut far) = TcpStream::connect(server).await else { return };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    tokio::select! {
        _ = copy_bidirectional(&mut near, &mut far) => {}
        // Any change: a cut that is mended at once has broken what was open all the same.
        _ = up.changed() => {}
    }
}
