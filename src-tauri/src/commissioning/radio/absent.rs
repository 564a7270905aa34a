//! No radio: a machine on which nothing is commissioned.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::{Advert, Link, Radio, RadioError, RadioKind, RadioState};

/// No radio.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoRadio;

#[async_trait]
impl Radio for NoRadio {
    fn kind(&self) -> RadioKind {
        RadioKind::None
    }

    async fn state(&self) -> RadioState {
        RadioState::Absent
    }

    async fn scan(&self) -> Result<mpsc::Receiver<Advert>, RadioError> {
        Err(RadioError::AdapterAbsent)
    }

    async fn stop_scan(&self) -> Result<(), RadioError> {
        Ok(())
    }

    async fn connect(&self, _address: &str) -> Result<Arc<dyn Link>, RadioError> {
        Err(RadioError::AdapterAbsent)
    }
}
