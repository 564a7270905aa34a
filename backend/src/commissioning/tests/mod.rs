mod claim;
pub mod device;
mod grants;
mod heartbeat;

use device::Device;
