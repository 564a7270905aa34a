### The audit log and histories.

audit-lead = Everything that was changed, by whom and when. Each entry seals the one before it.
audit-who = Who
audit-what = What
audit-target = On
audit-when = When
audit-hash = Seal
audit-from = From
audit-to = To
audit-anybody = Anybody
audit-any-action = Any action
audit-entry = #{ $n }
audit-none = Nothing is recorded yet

change-field = { $field }: { $value }
change-from-to = { $from } → { $to }

party-person = Somebody
party-device = A device
party-operator = Platform operator
party-system = The platform
party-anonymous = Somebody not signed in
party-tenant = The organization
party-session = A session
party-invitation = An invitation
party-site = A site
party-model = A model
party-attempt = A commissioning
party-grant = A claim grant
party-other = { $kind }

action-of-other = { $action }

action-of-site-create = Site added
action-of-site-update = Site edited
action-of-model-create = Model added
action-of-model-update = Model edited
action-of-device-create = Device added
action-of-device-update = Device edited
action-of-device-retire = Device retired
action-of-device-claimed = Device claimed
action-of-device-online = Device seen online
action-of-attempt-record = Commissioning recorded
action-of-session-begin = Signed in
action-of-session-end = Signed out
action-of-session-revoke = Session ended
action-of-session-refuse = Sign-in refused
action-of-sync-restored = Brought back from a backup
action-of-person-create = Person added
action-of-person-update = Person changed
action-of-person-sites = Sites of a person chosen
action-of-person-remove = Person removed
action-of-person-sign-out = Signed out everywhere
action-of-password-request = Password link asked for
action-of-password-reset = Password changed
action-of-invitation-create = Invited
action-of-invitation-accept = Invitation accepted
action-of-invitation-withdraw = Invitation withdrawn
action-of-grant-issue = Claim grants fetched
action-of-grant-revoke = Claim grant revoked
action-of-claim-key-create = Key for claims made
action-of-password-change = Password changed
action-of-device-bind = Device bound
action-of-tenant-create = Organization created
action-of-tenant-suspend = Organization suspended
action-of-tenant-resume = Organization resumed
