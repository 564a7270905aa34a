### How fresh the app's data is, and what needs attention.

sync-synced-to = Synced to { $time }
sync-state-synced-to = { $state } · synced to { $time }
sync-state-never = { $state } · not synced yet
sync-state-synced = Synced
sync-state-syncing = Syncing…
sync-state-offline = Offline
sync-state-needs-sign-in = Sign in to sync
sync-state-locked = Locked
sync-state-suspended = Organization suspended
sync-state-ended = Access ended
sync-state-stopped = Sync has stopped
sync-state-paused = Paused
sync-pending = { $count } pending
sync-files = { $count ->
    [one] { $count } file to send
   *[other] { $count } files to send
}
sync-files-refused = { $count ->
    [one] { $count } photo or list of checks was refused for good
   *[other] { $count } photos or lists of checks were refused for good
}
sync-files-refused-text = They are on this machine alone. Look at the checks of their attempts, and export what has not been sent before you hand this machine over.
sync-attention = { $count ->
    [one] { $count } needs attention
   *[other] { $count } need attention
}
sync-short-attention = { $count } to look at
sync-label = Sync: { $words }
sync-browser-offline = No connection

sync-error-disk-full = The storage of this machine is full. Free some space, then sync again. Until then nothing new can be saved here.
sync-error-store-damaged = The app's data on this machine is damaged, or was written by a newer app. Update the app; if it stays, call support before you sign out.
sync-error-captive-portal = The network wants you to sign in to it first. Open its page in a browser, then sync again.
sync-error-throttled = The server asked the app to wait. It goes on by itself in a while.
sync-error-refused = The server does not accept this app's data. Update the app, then sync again; if it stays, call support before you sign out.
sync-error-data-mismatch = What is here differed from what the server has. The app fetches everything anew; your own changes are kept.
sync-error-other = Synchronization does not get on ({ $code }). Sync again; if it stays, tell support this word.

sync-title = Synchronization
sync-state = State
sync-last = Last complete sync
sync-heard = Last contact with the server
lease-until = Readable without a network until
lease-soon = The server has to be reached before { $at }: after that nothing is shown here until it is. What you did is kept.
lease-over = Connect to the server
lease-over-lead = { $tenant } wants its data to be shown only where the server was reached within { $days ->
    [one] the last day
   *[other] the last { $days } days
}.
lease-heard = It was last reached { $at }, by its clock.
lease-over-text = Nothing is lost. Connect this device to a network; everything is shown again as soon as the server answers.
lease-waiting = { $count ->
    [one] One thing that you did waits here, and is sent then.
   *[other] { $count } things that you did wait here, and are sent then.
}
lease-try = Try now
sync-never = Not yet
sync-waiting = Waiting to be sent
sync-grants = Devices you can claim offline
sync-traffic = Traffic
sync-bytes = { $received } received, { $sent } sent
sync-holds = What is kept here
sync-holds-everywhere = All sites
sync-holds-all = { $count ->
    [0] All sites: there are none yet
    [one] All sites: there is one
   *[other] All { $count } sites
}
sync-holds-sites = { $count ->
    [0] No site
    [one] One site
   *[other] { $count } sites
}
sync-holds-shared = Your organization's shared data: models, the checklist, and what belongs to no site
sync-holds-own = Your own list
sync-storage = Room taken on this machine
sync-now = Sync now
sync-needs-sign-in-text = Your session has ended. You can go on working here; sign in again to send your changes.
sync-ended-text = You are no longer a member of this organization. What was here is destroyed; what you had not sent goes to its administrators. See your accounts.
sync-locked-text = This organization is no longer open to you on this machine. Ask an admin.
sync-clock-ahead = This machine's clock is { $by } ahead. Times are corrected when they are sent.
sync-clock-behind = This machine's clock is { $by } behind. Times are corrected when they are sent.

care-title = Your data on this machine
care-verify = Verify my data
care-verify-hint = Compares every record here with the server's, to the last letter. It needs a connection.
care-same = { $count ->
    [one] The one record here is the same as on the server.
   *[other] All { $count } records here are the same as on the server.
}
care-different = Something here was not as the server has it. Everything is fetched anew now; your own unsent changes are kept.
care-other-version = App and server are of different versions, so their records cannot be compared. Update the app.
care-export = Save unsent work ({ $count })
care-export-hint = Writes what has not reached the server, photos included, into an archive, for support or safekeeping. Nothing is removed here.
care-saved = Saved: { $changes ->
    [one] one change
   *[other] { $changes } changes
}, { $files ->
    [0] no files
    [one] one file
   *[other] { $files } files
}. The archive is

fetching-title = Fetching your organization's data
fetching-text = You can work meanwhile; what you do is kept and sent.
fetching-of = { $received } of { $of } records, { $bytes }
fetching-some = { $received } records, { $bytes }
fetching-pause = Pause
fetching-paused = Paused
fetching-paused-text = Nothing new is fetched until you go on, also after a restart. What you do here is kept and sent.
fetching-go-on = Go on
fetching-metered = Fetch over mobile data?
fetching-metered-text = { $count ->
    [one] There is one record to fetch, about { $bytes }. This network may cost money, so the app asks first.
   *[other] There are { $rows } records to fetch, about { $bytes }. This network may cost money, so the app asks first.
}
fetching-anyway = Fetch now

save-data-title = Mobile data
save-data-when = Save mobile data
save-data-automatic = When the network is metered
save-data-on = Always
save-data-off = Never
save-data-text = While data is saved, curves are fetched only when you look at a device, and the app asks before it fetches a lot. Your changes are always sent.
save-data-photos = Send photos over Wi-Fi only
save-data-photos-hint = While this machine says that the network is metered, they wait here. Everything else is sent.
save-data-saving = Data is saved now.
save-data-not-saving = Data is not saved.
save-data-off-metered = This network is metered, and data is not saved.
save-data-metered = This network is metered: data is saved now.
save-data-unmetered = This network is not metered: data is not saved now.
save-data-unknown = This machine does not say whether the network is metered, so data is not saved now.

room-title = Storage
room-of-records = Records
room-of-unsent = Your unsent changes
room-of-settled = Changes the server has taken
room-of-staged = Being fetched
room-of-telemetry = Curves of the last day
room-of-slack = Unused
room-of-reserved = Reserved for your work on a full disk
room-free = Free up space
room-free-title = Free up space on this machine?
room-free-text = The curves of the last day go: with a connection you still see them, and later they are kept here again. Photos and radio traces go that the server has had for a week, and newer ones it has only where this disk is full; with a connection you still see those, too. Changes you gave up go, and those the server took more than 30 days ago. Unsent changes and photos, what needs attention, and all records stay.
room-freed = { $bytes } freed.

attention-lead = What has been sent, what waits, and what the server did not take or somebody else overtook.
attention-browser = Nothing waits here
attention-browser-text = In the browser every change is saved at once. Offline work happens in the app.
attention-none = Nothing needs your attention
attention-none-text = Every change was taken, or is on its way.
attention-none-files = Every change was taken, or is on its way. Photos and lists of checks still wait on this machine.
attention-item = { $kind }: { $target }
attention-field = Field
attention-mine = Mine
attention-theirs = On the server
attention-retry = Try again
attention-keep-mine = Keep mine
attention-keep-theirs = Keep theirs
attention-edit = Edit and retry
attention-edit-send = Send again
attention-export = Save a copy
attention-retried = It is sent again.
attention-discard = Discard my change
attention-discard-title = Discard this change?
attention-discard-text = What you entered is lost; what the server has stays.
attention-evidence-discard = Discard the record
attention-evidence-title = Discard this record for good?
attention-evidence-text = It is the only record of what was done to the device, step by step. The device stays as it is; nobody can look up afterwards how it came to that.
attention-evidence-photos = { $count ->
    [one] One photo goes with it, which is nowhere else.
   *[other] { $count } photos go with it, which are nowhere else.
}
attention-evidence-answers = { $count ->
    [one] One answer of the checklist is lost with it, too.
   *[other] { $count } answers of the checklist are lost with it, too.
}
attention-evidence-discarded = The record is discarded.
attention-discarded = Your change is discarded.

intent-site-create = New site
intent-site-update = Edited site
intent-model-create = New model
intent-model-update = Edited model
intent-device-create = New device
intent-device-update = Edited device
intent-device-retire = Retired device
intent-attempt-record = Commissioning record
intent-bookmark-set = Your list
intent-bookmark-remove = Your list
intent-unreadable = A change of yours
intent-other = Change

refused-not-allowed = Your role does not allow this any more. An administrator can still accept it once it has been sent.
refused-no-longer-permitted = It is at a site where you do not work any more. An administrator can still accept this.
refused-not-found = What you changed no longer exists.
refused-stale = A newer commissioning of the same device is known.
refused-state-conflict = It had already moved on.
refused-already-exists = It exists already.
refused-invalid-field = The server does not accept one of the values.
refused-row-deleted = It was deleted meanwhile.
refused-append-only = A record with this number exists with other content.
refused-parent-refused = It depends on another change that was not taken.
refused-parent-pending = It depends on another change that is still waiting.
refused-malformed = The server cannot read this change. Update the app and try again.
refused-needs-newer-server = The server is too old for this change.
refused-not-delivered = It did not get through to the server, time and again, while all else did: something on the way does not like it. Try again in another network, or edit it first.
refused-internal = The server failed on it; it is kept there for inspection.
refused-unreadable = This app cannot read it: a newer version wrote it, or it was damaged on this machine. Nothing of it was sent.
refused-overtaken = Somebody else wrote here before your change arrived, and both could not stand. The rest of your change was taken; what you wrote is kept.
refused-next-overtaken = Keep yours to put it in the place of theirs, edit it so that it says both, or keep theirs.
refused-next-not-allowed = Ask an admin for the right, then try again; or save a copy and discard it.
refused-next-no-longer-permitted = Ask an admin to give you the site again, or to make the change; a saved copy shows them what it was.
refused-next-not-found = Nothing brings it back from here. Save a copy if you need it, add it anew, and discard this change.
refused-next-row-deleted = Nothing brings it back from here. Save a copy if you need it, add it anew, and discard this change.
refused-next-invalid-field = Correct the value and send it again.
refused-next-already-exists = Correct what tells it apart, or keep what is there.
refused-next-malformed = Your change is safe here. Update the app before you discard it.
refused-next-internal = Your change is safe here. Try again later, or save a copy for support.
refused-next-parent-refused = Settle the other change first, then try this one again.
refused-next-unreadable = A newer app sends it by itself, so update the app first. What is left of it stands here; save a copy before you discard it.
refused-next-other = Keep yours to send it again on top of what stands now, or let it go.
refused-unsent = It was not sent: it breaks a rule that the app knows too.
refused-other = The server did not take this change ({ $code }).
