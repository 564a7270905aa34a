//! Into a Thread mesh: what differs from Wi-Fi (`joining`).
//!
//! Deliberately not here: a list of meshes. The dataset names one, and a person has it from the border
//! router.

use super::{
    causes::Cause,
    joining::Look,
    run::Run,
    secrets::Access,
    step::Step,
    trouble::Trouble,
};
use crate::commissioning::esp::{
    EspError,
    endpoints::CONFIG,
    thread::{self, Attaching},
};

impl Run {
    /// Whether the device does something about the dataset it has.
    pub(super) async fn is_attaching(&mut self) -> Result<bool, Trouble> {
        match thread::read_status(&self.talking()?.ask(CONFIG, &thread::status()).await?) {
            Ok(Attaching::Idle) => Ok(false),
            Ok(_) | Err(EspError::FalseSuccess) => Ok(true),
            Err(other) => Err(other.into()),
        }
    }

    /// What the device says about attaching.
    pub(super) fn look_at_mesh(&mut self, reply: &[u8]) -> Look {
        match thread::read_status(reply) {
            Ok(Attaching::Attached(mesh)) if self.is_wanted_mesh(&mesh) => Look::Joined,
            Ok(Attaching::DatasetInvalid) => Look::Refused(Step::SetNetwork, Cause::DatasetInvalid),
            Ok(Attaching::NotFound) => Look::Refused(Step::SetNetwork, Cause::ThreadNotFound),
            Ok(Attaching::Attaching) => {
                self.apply_sent = true;
                Look::Trying
            }
            Ok(Attaching::Idle) => Look::Idle,
            Ok(Attaching::Attached(_)) | Err(EspError::FalseSuccess | EspError::Unreadable) => Look::Nonsense(Cause::FalseSuccess),
            Err(_) => Look::Nonsense(Cause::InvalidReply),
        }
    }

    /// Whether the device is in the mesh of its dataset; some do not say which it is.
    fn is_wanted_mesh(&self, mesh: &[u8]) -> bool {
        match self.network.as_ref().map(|network| &network.access) {
            Some(Access::Thread(dataset)) => mesh.is_empty() || dataset.ext_pan_id() == mesh,
            _ => true,
        }
    }
}
