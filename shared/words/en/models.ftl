### Device models, and how well each must be protected while it is set up.

model-list-lead = The kinds of devices you install.
model-search = Search models
model-add = Add model
model-added = { $name } is added.
model-edit = Edit model
model-edit-one = Edit { $name }
model-name = Name
model-sku = SKU
model-sku-hint = Exactly what the device reports as its model.
model-security = Required protection
model-security-hint = A device that offers less is refused. It may always offer more.
model-devices = Show devices
model-none = No models yet
model-none-text = Add the kind of device you install, so that people can plan devices of it.

security-sec0 = None (development only)
security-sec1 = Security 1 (encrypted)
security-sec2-patch0 = Security 2, older firmware
security-sec2-patch1 = Security 2 (strongest)
model-changes = Changes
model-history-one = Changes of { $name }
