### Sites.

site-list-lead = The places where your devices stand.
site-search = Search sites
site-add = Add site
site-added = { $name } is added.
site-edit = Edit site
site-one = Site
site-name = Name
site-address = Address
site-time-zone = Time zone
site-time-zone-hint = For example Europe/Vienna.
site-time-zone-unknown = This time zone is not known. Choose one from the list, for example Europe/Vienna.
site-note = Note
site-none = No sites yet
site-none-text = Add the first place where devices will stand.
site-none-ask = Ask an admin of your organization to add the first one. It appears here by itself.
site-choose = Choose a site
site-facts = At a glance
site-local-time = Local time
site-devices = Devices here
site-no-devices = No devices here yet
site-commission = Commission here
site-changes = Changes
