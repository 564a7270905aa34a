mod claim;
mod device;
mod grants;
mod heartbeat;

use device::Device;
