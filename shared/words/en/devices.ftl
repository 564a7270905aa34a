### Devices.

device-list-lead = Everything your organization has planned, installed or retired.
device-add = Add device
device-search = Search name or serial
device-name = Name
device-serial = Serial
device-model = Model
device-site = Site
device-state = State
device-any-state = Any state
device-any-site = Any site
device-any-model = Any model
device-none = No devices yet
device-none-text = Add the devices you expect at your sites; technicians commission them there.
device-state-planned = Planned
device-state-claimed = Claimed
device-state-online = Online
device-state-retired = Retired
