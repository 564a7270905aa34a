mod claim;
pub mod device;
mod fuzz;
mod grants;
mod heartbeat;
mod notices;
mod refusals;
mod releases;

use device::Device;
