### Commissioning: the flow, its steps and its records.

commission-lead = Bring devices to life, one after the other. It works without a network.
commission-where = Where are you?
commission-where-hint = Devices are bound to this site.
commission-site-first = Choose the site first; then pick a device.
commission-label = From its label
commission-label-text = QR text or claim code
commission-label-hint = Paste what the QR code says, or type the code printed below it.
commission-label-read = Read label
commission-other-label = Another label
commission-claim-code = Claim code
commission-pop = Secret of the device
commission-pop-on-label = On the label
commission-pop-later = You will be asked
commission-pop-hint = Printed on its label, where it may be called PoP, proof of possession, PIN or password. It stays on this machine.
commission-pop-submit = Continue
commission-in-range = In range.
commission-code-only = The code does not say which device it is. Pick it below; whether it is the right one is checked by itself.
commission-not-in-range = Not seen yet. Is it powered, and are you close?
commission-name-hint = What people on site call it.
commission-nearby = Nearby
commission-nearby-hint = Protected devices first, then the nearest. Only fresh signals are shown.
commission-nearby-count = { $count ->
    [one] { $count } device nearby
   *[other] { $count } devices nearby
}
commission-looking = Looking for devices…
commission-silence = No device can be heard yet
commission-silence-text = Does it have power? Is it in setup mode? Most devices enter it when they are switched off and on. Go within a few metres of it.
commission-unprotected = Not protected
commission-not-ready = Not in setup mode
commission-start = Commission
commission-start-one = Commission { $name }
commission-stop = Stop
commission-stop-title = Stop this device?
commission-stop-text = The attempt is recorded as stopped. { $changed ->
    [network] The device already has the network and may go on joining by itself.
    [owner] The device may belong to your organization already; that stays. It can be started again.
   *[nothing] Nothing on the device has been changed. It can be started again.
}
commission-now = { $step }…
commission-next = Next device
commission-open-device = Open device
commission-no-grants = There is no permission left on this machine to claim devices. Go online for a moment, then it fetches new ones.
commission-done-here = { $count ->
    [one] { $count } device done. On to the next one.
   *[other] { $count } devices done. On to the next one.
}
commission-state-running = Working
commission-state-needs-pop = Needs its secret
commission-state-needs-network = Needs a network
commission-state-needs-confirm = Needs you to look
commission-state-needs-button = Needs its button
commission-state-failed = Failed
commission-state-succeeded = Done
commission-state-cancelled = Stopped
commission-state-interrupted = Interrupted
commission-succeeded = Done
commission-succeeded-text = { $claimed ->
    [no] It does not belong to your organization: it offers no way to claim it.
   *[yes] It belongs to your organization.
} { $joined ->
    [probably] It has probably joined its network.
   *[yes] It has joined its network.
} The record is kept and syncs by itself.
commission-own-page = Its own page:
commission-joined = Joined; not seen by the platform yet
commission-joined-text = { $joined ->
    [probably] It has probably joined its network.
   *[yes] It has joined its network.
} You need not wait: the platform notices it by itself.
commission-broken-title = The device cannot be shown
commission-broken-text = This page cannot show how the device is doing. The work goes on in the app. Try again; if it stays so, stop it and pick the device anew.
commission-broken-details = Technical details, for support
commission-broken-leave = Stop it and pick a device
commission-cancelled = Stopped
commission-cancelled-text = The attempt is recorded. What the device has taken so far stays on it.
commission-interrupted = Interrupted
commission-button = Press the button on the device.
commission-button-hint = It takes a network only after that, for about a minute. This page goes on by itself.
commission-blink = The device blinks now. Is it the one in front of you?
commission-blink-yes = Yes, it blinks
commission-blink-no = No
commission-blink-again = Blink again
commission-blink-doubt = Was it another device, or none? Look once more, or pick another one.
commission-blink-leave = Pick another device

network-choose = Networks that the device sees
network-choose-anew = Or choose another network
network-open = Open
network-wep = WEP: old and weak
network-enterprise = Needs a user account
network-hidden = Another network
network-name = Network name
network-name-hint = Exactly as it is written, capitals included. Most devices know 2.4 GHz networks only.
network-password = Network password
network-password-none = Leave it empty for an open network.
network-passphrase-short = A network password has at least 8 characters.
network-passphrase-long = A network password has at most 63 characters.
network-passphrase-wep = A WEP key has 5 to 26 characters.
network-dataset = Dataset of the Thread network
network-dataset-hint = The hexadecimal digits that the border router shows as its active dataset. They hold the network's key and stay on this machine and the device.
network-remember = Use for the next devices too
network-remember-hint = Kept in memory until the app closes, never sent to the server.
network-join = Join network
network-again = Look again

unfinished-title = { $count ->
    [one] One device was interrupted
   *[other] { $count } devices were interrupted
}
unfinished-step = stopped at “{ $step }”
unfinished-dismiss-one = Dismiss { $name }
unfinished-text = What was done is recorded. Start the device again; it goes on from a safe point.

needs-app-title = Commissioning needs the OmnIoT app
needs-app-why = New devices are reached over Bluetooth, often where there is no network at all. A browser can do neither; the app on your phone, tablet or laptop can.
needs-app-install = Install the OmnIoT app on the machine you take to the site. Your administrator has the link.
needs-app-sign-in = Sign in once while you are online, with the values below.
needs-app-go = Go to the site. It works offline; everything appears here when the app is back online.

radio-virtual = Virtual radio
radio-bluetooth = Bluetooth
radio-virtual-title = Virtual radio
radio-virtual-text = These devices are simulated by a program. Nothing real is commissioned.
radio-state-off = Bluetooth is off
radio-state-no-permission = The app may not use Bluetooth
radio-state-absent = No Bluetooth here
radio-fix-off = Switch Bluetooth on in the system's settings. This page goes on by itself.
radio-fix-no-permission = Allow Bluetooth (on older phones also location) for this app in the system's settings.
radio-fix-absent = This machine has no Bluetooth adapter. Plug one in, or use another machine.

step-connect = Connect
step-discover = Look at what it offers
step-version = Check its version
step-handshake = Open a secure session
step-identity = Check its identity
step-identify = Blink
step-claim = Claim for your organization
step-scan-networks = Look for networks
step-set-network = Hand over the network
step-apply = Apply
step-join = Join the network
step-cloud = Seen by the platform
step-unknown = { $step }
step-state-todo = to do
step-state-running = working
step-state-done = done
step-state-failed = failed
step-state-skipped = not needed
step-state-interrupted = interrupted

warning-security-repeated-nonce = This device has an older firmware with a weakness in its encryption. Update it soon.
warning-security-weak-pop = The secret of this device is short. It could be guessed by somebody nearby.
warning-security-no-pop = This device asks for no secret. Anybody nearby could have set it up.
warning-security-none = This device speaks without encryption.
warning-improv-open = This device is set up without protection: nothing is encrypted, and nothing proves that it is the one in front of you. Anybody nearby can read the network password.
warning-name-refused = The device did not take the name that you gave it.
warning-not-claimed = This device cannot be claimed: it will not belong to your organization. Give it a network only if you trust it.
warning-network-unseen = The device does not see the network that you used before.
warning-scan-failed = The device could not look for networks. Type the name of its network yourself, or let it look again.
warning-join-unconfirmed = The connection closed while it joined. It has probably worked; it shows as online once the platform has seen it.
warning-not-recorded = The record could not be saved yet. Do not leave before it is.
warning-other = { $warning }

attempt-list-lead = Every attempt to commission a device, with each of its steps.
attempt-outcome = Outcome
attempt-any-outcome = Any outcome
attempt-outcome-succeeded = Succeeded
attempt-outcome-failed = Failed
attempt-outcome-cancelled = Stopped
attempt-outcome-interrupted = Interrupted
attempt-device-unknown = Unknown device
attempt-none = No attempts
attempt-none-text = When a technician commissions a device, the record appears here.
attempt-started = Started
attempt-identity = Identity
attempt-identity-yes = Proven by its factory key
attempt-identity-no = Not verified
attempt-security = Protection
attempt-radio = Radio
attempt-network = Network
attempt-app = App

## Reading a label with the camera

scan-open = Scan with the camera
scan-title = Scan the label
scan-lead = Hold its QR code into the frame. It is read by itself.
scan-lead-many = Hold one QR code after the other into the frame. Each is added by itself.
scan-picture = What the camera sees
scan-opening = The camera starts. If you are asked, allow it.
scan-looking = Looking for a QR code…
scan-checking = Reading the label…
scan-read = The label is read.
scan-hint = Nothing is read yet. Hold it a hand's width away and still, with more light on it; tilt a shiny one a little.
scan-light = Light
scan-done = Done
scan-type = Type it instead
scan-look = See what it needs
scan-look-hint = You can go on scanning afterwards.
camera-missing = No camera in this window
camera-fix-missing = This window gives no way to a camera. Type what the label says, paste its QR text, or use a hand scanner.
camera-absent = No camera found
camera-fix-absent = This machine has none, or it is switched off. Plug one in and try again, or type what the label says.
camera-denied = The camera is not allowed
camera-fix-denied = Allow the camera for this app in the system's settings, or beside the address in a browser. Then try again, or type what the label says.
camera-busy = The camera is in use
camera-fix-busy = Another program has it. Close that one and try again, or type what the label says.
camera-lost = The camera has stopped
camera-fix-lost = It was unplugged, or taken by another program. Try again, or type what the label says.
camera-unknown = The camera does not start
camera-fix-unknown = Try again. If it stays so, start the app anew, or type what the label says.

## A visit: many devices in a row

visit-title = Many devices in a row
visit-lead = Scan the labels ahead; the devices follow each other by themselves.
visit-begin = Begin here
visit-start = Start
visit-go-on = Go on
visit-under-way = A visit is under way. Its devices are on its own page.
visit-back = Back to the visit
visit-few-grants = { $grants ->
    [one] One permission to claim is left for { $devices } devices.
   *[other] { $grants } permissions to claim are left for { $devices } devices.
} Go online before you run out.
visit-auto = The next one begins by itself
visit-end = End visit
visit-end-title = End this visit?
visit-end-text = { $waiting ->
    [0] Its network and its list go from this machine, and its summary with it; what was commissioned stays.
    [one] One device still waits. Its label, the network, the list and the summary go from this machine; what was commissioned stays.
   *[other] { $waiting } devices still wait. Their labels, the network, the list and the summary go from this machine; what was commissioned stays.
}
visit-end-checks = { $count ->
    [one] At one device that is done, required checks are open.
   *[other] At { $count } devices that are done, required checks are open.
}
visit-counts = { $done } of { $total } done
visit-failed = { $count ->
    [one] one failed
   *[other] { $count } failed
}
visit-progress = Devices that are done
visit-over = All devices are done.
visit-unreadable = An earlier visit was kept by another version of the app. Its labels wait on this machine and come back once the app can read them and no visit is under way.
visit-over-failed = Nobody waits any more. Look at those that failed.
visit-scan = Next label
visit-label = QR text
visit-label-hint = Scan or paste one label after the other, also while a device is at work.
visit-add = Add
visit-label-twice = This label is on the list already.
visit-added = { $name } is added.
visit-network = Network for all of them
visit-network-none = Without one, each device asks for its network.
visit-network-kind = Kind of network
visit-network-wifi = Wi-Fi
visit-network-thread = Thread
visit-network-keep = Keep it for the next visit here
visit-network-keep-hint = Sealed on this machine, never sent to the server. Otherwise it is forgotten when the visit ends.
visit-network-kept = kept for the next visit
visit-network-forgotten = forgotten at the end
visit-network-use = Use for all
visit-network-change = Change
visit-network-forget = Forget
visit-devices = Devices of this visit
visit-empty = No label yet. Scan the first one.
visit-state-waiting = Waits
visit-state-running = At work
visit-state-done = Done
visit-state-failed = Failed
visit-unconfirmed = Probably joined; not seen by the platform yet
visit-waits = { $device } waits for you: { $state }
visit-not-seen = Not seen by the platform yet
visit-again-one = Try { $name } again
visit-remove-one = Take { $name } out
visit-planned = { $count ->
    [one] One planned device is left
   *[other] { $count } planned devices are left
}
visit-planned-hint = Scan their labels to add them.

## What is handed over after a visit

summary-title = Summary of the visit
summary-print = Print
summary-save = Save as file
summary-saved = Saved as
summary-share = Share
summary-none = No visit is under way.
summary-by = By { $name }
summary-device = Device
summary-result = Result
summary-signal = Signal
summary-time = Time
summary-checks = Checks
summary-note = Note
summary-photos = Photos
attempt-narrowed = Only those of:
attempt-narrowed-from = since
attempt-show-all = Show all

trace-title = Bluetooth operations
trace-details = Details
trace-empty = Nothing has happened on the radio yet.
trace-missing = There is none. It was not kept, or it is still on the machine that made this attempt.
trace-step = Step
trace-any-step = Every step
trace-failed-only = Failures only ({ $count })
trace-none-so = There are none.
trace-at = After
trace-operation = Operation
trace-endpoint = Endpoint
trace-size = Size
trace-took = Took
trace-outcome = Outcome
trace-retry = retry { $count }
trace-left-out = { $count ->
    [one] One operation in the middle is left out.
   *[other] { $count } operations in the middle are left out.
}
trace-save = Save as file
trace-saved = Saved as
trace-kind-scan = Scan begins
trace-kind-scan-end = Scan ends
trace-kind-connect = Connect
trace-kind-discover = Discover
trace-kind-mtu = MTU
trace-kind-read = Read
trace-kind-write = Write
trace-kind-subscribe = Subscribe
trace-kind-notification = Notification
trace-kind-disconnect = Disconnect
trace-kind-forget = Forget the device
trace-kind-other = { $kind }
trace-outcome-ok = Done
trace-outcome-att = Refused: { $code }
trace-outcome-gatt = System failed: { $code }
trace-outcome-hci = Link ended: { $code }
trace-outcome-timeout = No answer
trace-outcome-gone = Link lost
trace-outcome-busy = Taken by another
trace-outcome-adapter-off = Bluetooth is off
trace-outcome-adapter-absent = No Bluetooth
trace-outcome-no-permission = Not permitted
trace-outcome-no-endpoint = No such endpoint
trace-outcome-given-up = Given up: too slow, or stopped
trace-outcome-failed = Failed
trace-outcome-other = { $outcome } { $code }
