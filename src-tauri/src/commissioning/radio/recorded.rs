//! A radio with the flight recorder between it and its users: no operation goes by unseen.
//!
//! Written down are lengths and outcomes, never values.
//! Deliberately not here: what is kept of it (`flight`).

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU16, Ordering},
    },
};

use async_trait::async_trait;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{Advert, Endpoint, Link, Radio, RadioError, RadioKind, RadioState};
use crate::commissioning::{esp::endpoints, flight::Recorder, improv::gatt::Characteristic};

const BACKLOG: usize = 64;

/// That radio, recorded.
pub struct RecordedRadio {
    radio: Arc<dyn Radio>,
    recorder: Arc<Recorder>,
}

impl RecordedRadio {
    /// The recorder stands between `radio` and whoever uses it.
    #[must_use]
    pub fn over(radio: Arc<dyn Radio>, recorder: Arc<Recorder>) -> Arc<dyn Radio> {
        Arc::new(Self { radio, recorder })
    }
}

#[async_trait]
impl Radio for RecordedRadio {
    fn kind(&self) -> RadioKind {
        self.radio.kind()
    }

    async fn state(&self) -> RadioState {
        self.radio.state().await
    }

    async fn scan(&self) -> Result<mpsc::Receiver<Advert>, RadioError> {
        let operation = self.recorder.begins("scan", None, None);
        operation.ends(self.radio.scan().await, |_| None)
    }

    async fn stop_scan(&self) -> Result<(), RadioError> {
        let operation = self.recorder.begins("scan_end", None, None);
        operation.ends(self.radio.stop_scan().await, |()| None)
    }

    async fn connect(&self, address: &str) -> Result<Arc<dyn Link>, RadioError> {
        let operation = self.recorder.begins("connect", None, None);
        let link = operation.ends(self.radio.connect(address).await, |_| None)?;
        let link = RecordedLink { link, recorder: Arc::clone(&self.recorder), names: Mutex::default(), mtu: AtomicU16::new(0) };
        link.tell_mtu();
        Ok(Arc::new(link))
    }

    async fn forget(&self, address: &str) {
        let operation = self.recorder.begins("forget", None, None);
        self.radio.forget(address).await;
        let _ = operation.ends(Ok(()), |()| None);
    }
}

/// One connection, recorded.
struct RecordedLink {
    link: Arc<dyn Link>,
    recorder: Arc<Recorder>,
    names: Mutex<HashMap<Uuid, String>>,
    /// As it was written down last.
    mtu: AtomicU16,
}

impl RecordedLink {
    /// Writes the MTU down when it is another one.
    fn tell_mtu(&self) {
        let mtu = self.link.mtu();
        if self.mtu.swap(mtu, Ordering::Relaxed) != mtu {
            let _ = self.recorder.begins("mtu", None, Some(usize::from(mtu))).ends(Ok(()), |()| None);
        }
    }

    /// What the device calls the endpoint, else what it is by its number, else the number.
    fn name(&self, endpoint: Uuid) -> Option<String> {
        let told = self.names.lock().unwrap_or_else(PoisonError::into_inner).get(&endpoint).cloned();
        let known = || endpoints::name_of(endpoint).or_else(|| Characteristic::named(endpoint)).map(str::to_owned);
        told.or_else(known).or_else(|| Some(endpoint.to_string()))
    }
}

#[async_trait]
impl Link for RecordedLink {
    fn mtu(&self) -> u16 {
        self.link.mtu()
    }

    async fn discover(&self) -> Result<Vec<Endpoint>, RadioError> {
        let operation = self.recorder.begins("discover", None, None);
        let found = operation.ends(self.link.discover().await, |found| Some(found.len()))?;
        let named = found.iter().filter_map(|endpoint| Some((endpoint.uuid, endpoints::clean(endpoint.name.as_deref()?)?.to_owned())));
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = named.collect();
        self.tell_mtu();
        Ok(found)
    }

    async fn write(&self, endpoint: Uuid, value: &[u8]) -> Result<(), RadioError> {
        let operation = self.recorder.begins("write", self.name(endpoint), Some(value.len()));
        operation.ends(self.link.write(endpoint, value).await, |()| None)
    }

    async fn read(&self, endpoint: Uuid) -> Result<Vec<u8>, RadioError> {
        let operation = self.recorder.begins("read", self.name(endpoint), None);
        operation.ends(self.link.read(endpoint).await, |value| Some(value.len()))
    }

    async fn subscribe(&self, endpoint: Uuid) -> Result<mpsc::Receiver<Vec<u8>>, RadioError> {
        let name = self.name(endpoint);
        let operation = self.recorder.begins("subscribe", name.clone(), None);
        let mut heard = operation.ends(self.link.subscribe(endpoint).await, |_| None)?;
        let (sender, receiver) = mpsc::channel(BACKLOG);
        let recorder = Arc::clone(&self.recorder);
        tokio::spawn(async move {
            loop {
                let value = tokio::select! {
                    value = heard.recv() => value,
                    () = sender.closed() => None,
                };
                let Some(value) = value else { break };
                let _ = recorder.begins("notification", name.clone(), Some(value.len())).ends(Ok(()), |()| None);
                if sender.send(value).await.is_err() {
                    break;
                }
            }
        });
        Ok(receiver)
    }

    async fn disconnect(&self) {
        let operation = self.recorder.begins("disconnect", None, None);
        self.link.disconnect().await;
        let _ = operation.ends(Ok(()), |()| None);
    }

    async fn closed(&self) {
        self.link.closed().await;
    }
}

impl fmt::Debug for RecordedLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RecordedLink").field(&self.link).finish()
    }
}
