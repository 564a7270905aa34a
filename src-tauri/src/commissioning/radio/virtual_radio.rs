//! The radio of virtual devices: JSON lines over a loopback socket
//! (docs/ARCHITECTURE.md, "The virtual radio's socket").
//!
//! One connection carries everything; it is opened when it is first needed and again after
//! it broke. Replies carry the id of their request; events belong to a link or to the scan.
//!
//! Deliberately not here: deadlines (a silent device stays silent, the flow decides when to
//! give up) and the devices themselves (`tests/src/virtual_device`).

mod link;
mod wire;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::json;
use tokio::sync::{Mutex, mpsc};

use super::{Advert, Link, Radio, RadioError, RadioKind, RadioState};
use link::VirtualLink;
use wire::Wire;

const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// The radio behind `host:port`.
pub struct VirtualRadio {
    address: String,
    wire: Mutex<Option<Arc<Wire>>>,
}

impl VirtualRadio {
    /// Does not connect yet.
    #[must_use]
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into(), wire: Mutex::new(None) }
    }

    async fn wire(&self) -> Result<Arc<Wire>, RadioError> {
        let mut held = self.wire.lock().await;
        if let Some(wire) = held.as_ref().filter(|wire| wire.is_open()) {
            return Ok(Arc::clone(wire));
        }
        let opening = tokio::net::TcpStream::connect(&self.address);
        let stream = tokio::time::timeout(CONNECT_LIMIT, opening).await.map_err(|_| RadioError::AdapterAbsent)?.map_err(|_| RadioError::AdapterAbsent)?;
        let _ = stream.set_nodelay(true);
        let wire = Wire::over(stream);
        *held = Some(Arc::clone(&wire));
        Ok(wire)
    }
}

#[async_trait]
impl Radio for VirtualRadio {
    fn kind(&self) -> RadioKind {
        RadioKind::Virtual
    }

    async fn state(&self) -> RadioState {
        if self.wire().await.is_ok() { RadioState::Ready } else { RadioState::Absent }
    }

    async fn scan(&self) -> Result<mpsc::Receiver<Advert>, RadioError> {
        let wire = self.wire().await?;
        let adverts = wire.listen_to_adverts();
        wire.ask(json!({"op": "scan"})).await?;
        Ok(adverts)
    }

    async fn stop_scan(&self) -> Result<(), RadioError> {
        let Some(wire) = self.wire.lock().await.clone().filter(|wire| wire.is_open()) else { return Ok(()) };
        wire.forget_adverts();
        wire.ask(json!({"op": "stop_scan"})).await.map(drop)
    }

    async fn connect(&self, address: &str) -> Result<Arc<dyn Link>, RadioError> {
        let wire = self.wire().await?;
        let answer = wire.ask(json!({"op": "connect", "address": address})).await?;
        let number = answer.get("link").and_then(serde_json::Value::as_u64).ok_or_else(wire::unreadable)?;
        let mtu = answer.get("mtu").and_then(serde_json::Value::as_u64).and_then(|mtu| u16::try_from(mtu).ok()).unwrap_or(23);
        Ok(Arc::new(VirtualLink::new(wire, number, mtu)))
    }
}
