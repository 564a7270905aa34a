//! How a device stands with its organization when a request comes: what each refusal of a true claim needs.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use omniot_shared::{claim::SignedGrant, ids::DeviceId};
use proptest::{prelude::*, test_runner::TestCaseError};
use serde_json::json;

use super::{super::device::pack, Device, Scene};

/// What happened to the device before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing but its claim over the radio.
    New,
    /// It has been in contact.
    Bound,
    /// Its grant was taken back.
    Revoked,
    /// The server never heard of its grant: it was put back from a backup.
    Unknown,
    /// Another device used its grant.
    Spent,
    /// It was in contact, and was retired.
    Retired,
    /// It was in contact with a later claim.
    Superseded,
    /// A device of its serial number and another key was in contact.
    Foreign,
}

pub fn standing() -> impl Strategy<Value = Standing> {
    use Standing as S;
    prop_oneof![8 => prop::sample::select(vec![S::New, S::Bound]), 6 => prop::sample::select(vec![S::Revoked, S::Unknown, S::Spent, S::Retired, S::Superseded, S::Foreign])]
}

impl Scene {
    /// A device that stands so, as it is when the request comes; and its credential, if it ever had one.
    pub async fn device(&self, standing: Standing) -> Result<(Device, Option<String>), TestCaseError> {
        let n = self.next();
        let mut device = Device::new(&format!("FZ-{n}"));
        let grants = pack(&self.technician, 2 * u128::from(n) + 1_000, 2).await;
        device.take(&grants[0], None);
        let credential = match standing {
            Standing::New => None,
            Standing::Bound => Some(self.gets_in(&device).await?),
            Standing::Revoked => {
                let grant = SignedGrant(STANDARD.decode(&grants[0]).unwrap()).read().unwrap().id;
                self.admin.delete(&format!("/v1/grants/{grant}")).await.expect(204);
                None
            }
            Standing::Unknown => {
                let grant = SignedGrant(STANDARD.decode(&grants[0]).unwrap()).read().unwrap().id;
                let mut scope = self.mine.db_write().await;
                scope.query("delete from claim_grant where tenant_id = $1 and id = $2").bind(grant).execute().await.unwrap();
                scope.commit().await.unwrap();
                None
            }
            Standing::Spent => {
                let mut other = Device::new(&format!("FZ-{n}-B"));
                other.take(&grants[0], None);
                self.gets_in(&other).await?;
                None
            }
            Standing::Retired => {
                let credential = self.gets_in(&device).await?;
                let id = DeviceId::for_serial(self.mine.id, &device.serial);
                self.admin.post(&format!("/v1/devices/{id}/retire"), json!({ "reason": null })).await.expect(200);
                Some(credential)
            }
            Standing::Superseded => {
                let credential = self.gets_in(&device).await?;
                let mut later = device.clone();
                later.take(&grants[1], None);
                self.gets_in(&later).await?;
                Some(credential)
            }
            Standing::Foreign => {
                let mut other = Device { key: ed25519_dalek::SigningKey::from_bytes(&[9; 32]), ..Device::new(&device.serial) };
                other.take(&grants[1], None);
                self.gets_in(&other).await?;
                None
            }
        };
        Ok((device, credential))
    }
}

impl Standing {
    /// Whether its own claim is taken.
    pub const fn is_welcome(self) -> bool {
        matches!(self, Self::New | Self::Bound)
    }
}
