//! One link to a virtual device.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use super::{
    super::{Endpoint, Link, Properties, RadioError},
    wire::{self, Wire},
};

/// One link. Dropping it closes it.
pub(super) struct VirtualLink {
    wire: Arc<Wire>,
    number: u64,
    mtu: u16,
    over: watch::Receiver<bool>,
}

#[derive(Deserialize)]
struct WireEndpoint {
    uuid: Uuid,
    name: Option<String>,
    #[serde(default)]
    properties: Vec<String>,
}

impl VirtualLink {
    pub(super) fn new(wire: Arc<Wire>, number: u64, mtu: u16) -> Self {
        let over = wire.watch_link(number);
        Self { wire, number, mtu, over }
    }

    /// Asks, and gives up when the link closes meanwhile.
    async fn ask(&self, mut request: Value) -> Result<Value, RadioError> {
        request["link"] = json!(self.number);
        if *self.over.borrow() {
            return Err(RadioError::Gone);
        }
        tokio::select! {
            biased;
            answer = self.wire.ask(request) => answer,
            () = self.closed() => Err(RadioError::Gone),
        }
    }
}

#[async_trait]
impl Link for VirtualLink {
    fn mtu(&self) -> u16 {
        self.mtu
    }

    async fn discover(&self) -> Result<Vec<Endpoint>, RadioError> {
        let answer = self.ask(json!({"op": "discover"})).await?;
        let found: Vec<WireEndpoint> = serde_json::from_value(answer).map_err(|_| wire::unreadable())?;
        Ok(found.into_iter().map(Endpoint::from).collect())
    }

    async fn write(&self, endpoint: Uuid, value: &[u8]) -> Result<(), RadioError> {
        self.ask(json!({"op": "write", "uuid": endpoint, "value": STANDARD.encode(value)})).await.map(drop)
    }

    async fn read(&self, endpoint: Uuid) -> Result<Vec<u8>, RadioError> {
        let answer = self.ask(json!({"op": "read", "uuid": endpoint})).await?;
        wire::bytes(answer.get("value").and_then(Value::as_str).ok_or_else(wire::unreadable)?)
    }

    async fn subscribe(&self, endpoint: Uuid) -> Result<mpsc::Receiver<Vec<u8>>, RadioError> {
        let notifications = self.wire.listen_to(self.number, endpoint);
        self.ask(json!({"op": "subscribe", "uuid": endpoint})).await?;
        Ok(notifications)
    }

    async fn disconnect(&self) {
        let _ = self.ask(json!({"op": "disconnect"})).await;
        self.wire.forget_link(self.number);
    }

    async fn closed(&self) {
        let _ = self.over.clone().wait_for(|over| *over).await;
    }
}

impl Drop for VirtualLink {
    fn drop(&mut self) {
        if !*self.over.borrow() {
            self.wire.tell(json!({"op": "disconnect", "link": self.number}));
            self.wire.forget_link(self.number);
        }
    }
}

impl fmt::Debug for VirtualLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualLink").field("number", &self.number).field("mtu", &self.mtu).finish_non_exhaustive()
    }
}

impl From<WireEndpoint> for Endpoint {
    fn from(heard: WireEndpoint) -> Self {
        let has = |what: &str| heard.properties.iter().any(|property| property == what);
        let properties = Properties { read: has("read"), write: has("write"), notify: has("notify") };
        Self { uuid: heard.uuid, name: heard.name, properties }
    }
}
