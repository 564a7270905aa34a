### How fresh the app's data is, and what needs attention.

sync-synced-to = Synced to { $time }
sync-state-synced = Synced
sync-state-syncing = Syncing…
sync-state-offline = Offline
sync-state-needs-sign-in = Sign in to sync
sync-state-locked = Locked
sync-state-suspended = Organization suspended
sync-pending = { $count } pending
sync-attention = { $count ->
    [one] { $count } needs attention
   *[other] { $count } need attention
}
sync-label = Sync: { $words }
sync-browser-offline = No connection
