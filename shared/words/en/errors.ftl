### What a request could not do (docs/API.md), and what to do about it.

error-offline = There is no connection to the server. Check the network and try again.
error-unreadable = The answer did not come from OmnIoT. Are you behind a Wi-Fi sign-in page?
error-unknown = This did not work ({ $code }). Try again; if it stays, tell your administrator this word.
error-retry-after = { $seconds ->
    [one] Wait { $seconds } second.
   *[other] Wait { $seconds } seconds.
}

error-malformed-json = The request was garbled on its way. Try again.
error-invalid-cursor = The list has changed too much to go on from here. Load it again.
error-invalid-query = This filter is not understood. Clear it and try again.
error-bad-request = The server did not understand this request.
error-not-signed-in = Your session has ended. Sign in again.
error-wrong-credentials = E-mail or password is not right. Check both; after several tries you have to wait.
error-wrong-current-password = This is not your current password.
error-unknown-tenant = This server has no organization of that short name. Look it up in your invitation.
error-not-allowed = Your role does not allow this. Ask an admin of your organization.
error-no-longer-permitted = This is at a site where you do not work, or no longer. Ask an admin of your organization.
error-membership-ended = Your access to this organization has ended. Your accounts say what became of your work.
error-bad-signature = The server does not know this machine by its key. Sign in again.
error-tenant-suspended = Your organization is suspended. Nothing is lost; ask your provider what to do.
error-csrf = For your safety this request was refused. Load the page again.
error-not-found = This does not exist, or you may not see it.
error-name-taken = This name is already in use. Choose another one.
error-already-exists = This exists already.
error-last-owner = An organization needs at least one owner. Make somebody else owner first.
error-state-conflict = This has moved on in the meantime. Load it again and look before you go on.
error-stale = Somebody changed this while you were editing. Load it again and repeat your change.
error-app-too-old = This version of the app is too old to load what is new. Update it; what you record is still sent.
error-client-forked = This app's data was restored or copied. It gives itself a new identity and sends again.
error-link-expired = This link has expired. Ask for a new one.
error-link-used = This link was already used. If that was you, just sign in.
error-too-large = This is too large to send.
error-hash-mismatch = The file was damaged on its way. It is sent again.
error-invalid-attachment = This file is not what its type says.
error-too-many-attachments = This attempt has as many files as it may have.
error-quota-exceeded = Your organization has no room for more files. Ask your provider for more.
error-unsupported-media-type = The server does not take this kind of content.
error-unknown-field = The server does not know one of these fields. Is the app up to date?
error-invalid-field = Please check this: { $detail }
error-throttled = Too many tries.
error-internal = The server made a mistake. It is recorded; try again in a moment.
error-not-ready = The server is starting. Try again in a moment.
error-timeout = The server took too long. Try again.

error-changes-pending = Some changes have not reached the server. Wait until they have, or say that they may be thrown away.
error-commission-running = A device is being commissioned with this account. Finish it or stop it first.
error-unexpected-answer = The server's answer cannot be read. Is the server older or newer than this app?
error-account-locked = This account is locked, and it belongs to somebody else. Only they can open it, or sign out of it.
error-lease-over = The server was not reached for as long as your organization allows. Connect this device to a network; what you did is kept.
error-wrong-password = This is not the password of this account.
error-sign-in-once = This device does not know the password of this account yet. Sign in once with a network; from then on it works without.
error-work-unsaved = Something that you typed is not saved. Save it or leave it first, then lock the app.
error-account-leaving = This account is being signed out on this machine; nothing was saved.
error-photo-unreadable = This file is no picture that can be read here. Choose another one.
error-data-mismatch = What is here differs from what the server has. Sync again; your own changes are kept.
error-not-exported = The file could not be written. Check the download folder of this machine, then try again.
error-disk-full = The storage of this machine is full. Nothing was saved: free some space, then do it again before you leave.
error-store-damaged = The app's data on this machine is damaged, or was written by a newer app. Update the app; if it stays, call support before you sign out.
error-closing = The app is closing. Open it again; what was saved is still there.
error-other-epoch = The server was restored from a backup. The app gets to know it again and sends what may be missing by itself.
error-key-unproven = Nobody has shown that this device has another key now. Load the page again and look before you go on.
error-grant-recorded = A technician's record says that a device took this permission. It cannot be taken back any more; retire the device instead.
error-sequence-gap = The app and the server have counted changes differently. It sends them again by itself.
error-app-not-opened = The app could not open its data. Restart it; if it stays, call support.

error-network-needs-account = This network wants a user account. Devices can only be given a passphrase: choose another network.

error-label-empty = Paste what the QR code says, or type the claim code.
error-label-too-long = This is too long for a label.
error-release-unreadable = This is not a whole release. Copy all of it, from “OMR1” on.
error-release-expired = The time of this release is over. Ask the owner of the device for another.
error-release-own = Your own organization made this release. Give it to the one that takes the device over.
error-label-unreadable = This is no label of a device. Scan it again, or type the claim code.
error-claim-code-alone = A claim code does not name a device. Scan its QR code, or choose it from the list.
error-label-incomplete = Something is missing in this label. Scan it again.
error-label-not-bluetooth = This device is not set up over Bluetooth.
error-claim-code-wrong = There is a slip in this claim code. Compare it with the label.
error-adapter-off = Bluetooth is switched off. Switch it on in the system's settings.
error-adapter-absent = This machine has no Bluetooth. Plug in an adapter, or use another machine.
error-no-permission = The app may not use Bluetooth. Allow it in the system's settings.
error-sync-paused = Synchronization is paused on this machine. Go on with it first.
