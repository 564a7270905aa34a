mod claim;
pub mod device;
mod grants;
mod heartbeat;
mod notices;
mod releases;

use device::Device;
