### Names of fields and words for their values, wherever a change is told.

field-of-name = Name
field-of-display-name = Name
field-of-address = Address
field-of-time-zone = Time zone
field-of-note = Note
field-of-sku = SKU
field-of-min-security = Required protection
field-of-serial = Serial
field-of-model-id = Model
field-of-site-id = Site
field-of-device-id = Device
field-of-attempt-id = Record
field-of-client-id = App
field-of-state = State
field-of-reason = Reason
field-of-role = Role
field-of-email = E-mail
field-of-outcome = Outcome
field-of-client = Signed in with
field-of-label = On
field-of-sessions = Sessions ended
field-of-sessions-ended = Sessions ended
field-of-grants = Claim grants revoked
field-of-count = How many
field-of-because = Because
field-of-invitation = Invitation
field-of-template = Template
field-of-fingerprint = Fingerprint
field-of-fields = Changed
field-of-overtaken = Overtaken by a newer change
field-of-firmware = Firmware
field-of-last-seen-at = Last seen
field-of-created-at = Added
field-of-epoch = Times commissioned
field-of-brand = Brand
field-of-other = { $field }

because-inviter = whoever invited may not do so any more

reading-temperature-c = Temperature in °C
reading-humidity-pct = Humidity in %
reading-battery-pct = Battery in %
reading-door = Door
reading-mains = Mains power
reading-other = { $key }
