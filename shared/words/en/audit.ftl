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

change-made-at = Made { $at }, and sent later.
change-clock-ahead = The clock it was made by was { $by } ahead; the time is corrected.
change-clock-behind = The clock it was made by was { $by } behind; the time is corrected.

met-won-newer = { $field }: replaces the change by { $who } of { $at }. Neither knew of the other; this one is newer.
met-won-seen = { $field }: replaces the change by { $who } of { $at }, which was known when this one was made.
met-lost-newer = { $field }: the change by { $who } of { $at } stands. Neither knew of the other; that one is newer.
met-lost-stands = { $field }: the change by { $who } of { $at } stands. By the rule for this field, what the server has wins over a change that did not know of it.
met-lost-first = { $field }: stays as { $who } made it; it was there first.

history-none = Nothing has been changed yet.

party-person = Somebody
party-device = A device
party-operator = Platform operator
party-system = The platform
party-anonymous = Somebody not signed in
party-tenant = The organization
party-session = A session
party-invitation = An invitation
party-site = A site
party-site-group = A site group
party-model = A model
party-attempt = A commissioning
party-checklist = The checklist
party-grant = A claim grant
party-release = A release
party-replica = The data in an app
party-other = { $kind }

action-of-other = { $action }

action-of-site-create = Site added
action-of-site-update = Site edited
action-of-site-group-create = Site group made
action-of-site-group-update = Site group changed
action-of-site-group-delete = Site group deleted
action-of-model-create = Model added
action-of-model-update = Model edited
action-of-checklist-change = Checklist changed
action-of-device-create = Device added
action-of-device-update = Device edited
action-of-device-retire = Device retired
action-of-device-release = Device released
action-of-device-release-withdraw = Release of a device taken back
action-of-device-forget-key = Key of a device forgotten
action-of-device-hand-over = Device handed over
action-of-release-receive = Release taken in
action-of-device-claimed = Device claimed
action-of-device-online = Device seen online
action-of-attempt-record = Commissioning recorded
action-of-attempt-attach = File of a commissioning added
action-of-escrow-key-create = Key for the work of leavers made
action-of-escrow-receive = Work handed over after leaving
action-of-escrow-accept = Work of another person accepted
action-of-escrow-reject = Work of another person rejected
action-of-session-begin = Signed in
action-of-session-end = Signed out
action-of-session-revoke = Session ended
action-of-session-refuse = Sign-in refused
action-of-sync-restored = Brought back from a backup
action-of-sync-mismatch = Data in an app was not the same as here; fetched anew
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
