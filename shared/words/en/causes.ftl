### Why commissioning failed (cause-…) and what to do (next-…), one pair for each code.

cause-unknown = It failed ({ $cause })
next-unknown = Try again. If it stays, note this word and call support.

cause-adapter-off = Bluetooth is switched off
next-adapter-off = Switch Bluetooth on in the system's settings, then try again.

cause-adapter-absent = This machine has no Bluetooth
next-adapter-absent = Plug in an adapter, or use another machine.

cause-no-permission = The app may not use Bluetooth
next-no-permission = Allow Bluetooth (on older phones also location) for this app in the system's settings, then try again.

cause-no-answer = The device did not answer in time
next-no-answer = Go closer, check that it has power, and try again.

cause-link-lost = The connection to the device broke
next-link-lost = Stay within a few metres and try again. What was done so far is kept.

cause-out-of-range = The device is too far away: its signal is too weak to hold a connection
next-out-of-range = Go within a few metres, away from metal and walls, and try again. What was done so far is kept.

cause-att-invalid-pdu = The device refused the request (ATT error 0x04)
next-att-invalid-pdu = Try again. If it stays, switch the device off and on; then its firmware does not accept what this app sends.

cause-att-application-error = The device reported an error of its own (ATT error 0x80 to 0x9F)
next-att-application-error = Try again; devices of this kind close the connection after it. If it stays, switch the device off and on.

cause-gatt-error = The Bluetooth of this phone failed (GATT status 133)
next-gatt-error = Try again; it mostly works the second time. If it stays, switch Bluetooth off and on, or restart the phone.

cause-not-established = The connection was agreed on, but no packet came through (HCI reason 0x3E)
next-not-established = Usually the device is far away or its radio is disturbed. Go closer and try again.

cause-invalid-reply = The device gave an answer that cannot be right
next-invalid-reply = Switch the device off and on, then try again. If it stays, its firmware may be damaged.

cause-store-failed = This machine could not save the step
next-store-failed = Free some space on this machine, then try again. Do not leave the device before it is saved.

cause-no-account = The account was signed out meanwhile
next-no-account = Sign in again and start the device anew.

cause-not-advertising = The device cannot be heard
next-not-advertising = Check that it has power and is in setup mode. Switching it off and on often helps; a device that is in a network already listens again after a short press of its button, and keeps its owner.

# Of records that older versions made.
cause-improv-unsupported = This device is set up with Improv, which that version of the app could not do
next-improv-unsupported = Update the app, then try again.

cause-thread-unsupported = This device joins a Thread network, which that version of the app could not set up
next-thread-unsupported = Update the app, then try again.

cause-connect-failed = The connection did not come about
next-connect-failed = Go closer and try again. The first try often fails; the next one mostly works.

cause-device-busy = Another phone is connected to this device
next-device-busy = Stop commissioning it there, wait a moment, and try again.

cause-not-provisionable = The device does not offer what setup needs
next-not-provisionable = If its firmware was just changed, switch Bluetooth off and on, then try again. Otherwise it may be set up already.

cause-downgrade-refused = The device offers less protection than it must
next-downgrade-refused = Do not install it. Update its firmware, or report it: it may be a fake.

cause-below-policy = The device offers less protection than your organization demands
next-below-policy = Update its firmware, then try again. An administrator can change what is demanded of its model.

cause-unprotected = The device has no protection at all
next-unprotected = Do not install it. Ask for a device with current firmware.

cause-unknown-protocol = The device speaks something newer than this app
next-unknown-protocol = Update the app, then try again.

cause-wrong-pop = The secret is not the one of this device
next-wrong-pop = Compare the label with the device and type it again, capitals included.

cause-pop-or-link = The connection broke each time the secret was sent: the link is bad, or the secret is wrong
next-pop-or-link = Compare the label with the device and type the secret again, capitals included. If it is right, go closer to the device, or switch Bluetooth off and on.

cause-too-many-wrong-pops = Too many wrong secrets
next-too-many-wrong-pops = Wait ten minutes. Check that label and device belong together.

cause-handshake-refused = The device refused the secure session
next-handshake-refused = Switch the device off and on, scan its label again, and try again.

cause-already-joined = The device says that it is in a network already
next-already-joined = If that is the right one, nothing is left to do at this device. If not, let it forget that network as its manual says, then try again.

cause-button-not-pressed = Nobody pressed the button on the device in time
next-button-not-pressed = Try again, and press its button when this page asks for it. The device's manual says which one.

cause-device-unproven = The device could not prove that it knows its own secret
next-device-unproven = Do not install it: it may be a fake. Report it with its serial number.

cause-identity-mismatch = This is another device than the label says
next-identity-mismatch = Find the device that belongs to the label. If labels were swapped, report it.

cause-identity-missing = The label promises an identity, and the device has none
next-identity-missing = Do not install it. Report it with its serial number.

cause-identity-invalid = The device's signature does not hold
next-identity-invalid = Do not install it: it may be a fake. Report it with its serial number.

cause-device-retired = This device is retired
next-device-retired = Use another device. A retired one cannot come back.

cause-wrong-device = It was another device that blinked, or none
next-wrong-device = Pick another one from the list; the nearest is first.

cause-not-confirmed = Nobody said whether it is the right device
next-not-confirmed = Start it again, and say which device blinks.

cause-clock-ahead = By the clock of this machine every permission to claim has ended
next-clock-ahead = The clock is probably ahead: the platform showed a time at which they were good. Set the date and time of this machine right, then try again. If they are right, go online for a moment so that the app can fetch new ones.

cause-no-grant = No permission to claim is left on this machine
next-no-grant = Go online for a moment so that the app can fetch new ones, then try again. If there should be some, check that this machine has the right date.

cause-owned-by-another = This device belongs to another organization
next-owned-by-another = Ask that organization for a release, enter it here, and begin with this device once more. Without one, ask your supplier.

cause-release-refused = The device does not accept the release
next-release-refused = It was taken back, is over, or the device was claimed again since. Ask its owner for a new one.

cause-grant-used = The permission to claim was used before
next-grant-used = Try again; the app takes another one.

cause-grant-expired = The permission to claim has expired
next-grant-expired = Go online for a moment so that the app can fetch new ones, then try again. Check this machine's clock.

cause-site-not-covered = You may not claim devices for this site
next-site-not-covered = Choose another site, or ask an admin.

cause-claim-refused = The device did not accept the claim
next-claim-refused = Start the device anew. If it stays, report it with its serial number.

cause-receipt-invalid = The device's receipt does not fit
next-receipt-invalid = Do not install it. Report it with its serial number.

cause-device-storage-failed = The device could not store its new owner
next-device-storage-failed = Switch it off and on, then try again. If it stays, the device is broken.

cause-scan-failed = The device could not look for networks
next-scan-failed = Try again, or type the network's name yourself.

cause-network-refused = The device does not take this network
next-network-refused = Check name and password; both have a largest length.

cause-apply-refused = The device did not begin to join
next-apply-refused = Try again; if it stays, switch the device off and on first. Nothing is lost.

cause-still-trying = The device is still busy with the network it was given before
next-still-trying = Switch it off and on, then try again: it forgets that network and keeps its owner. Nothing has to be reset.

cause-reset-unsupported = This firmware cannot try another network by itself
next-reset-unsupported = Switch the device off and on, then try again.

cause-wrong-password = The network password is wrong
next-wrong-password = Type it again, capitals included. The device waits; nothing has to be reset.

cause-unable-to-connect = The device could not join this network
next-unable-to-connect = It does not say why. Check the password, capitals included, and the reception where the device stands. The device waits; nothing has to be reset.

cause-network-not-found = The device does not see this network
next-network-not-found = Is it a 5 GHz network? Most devices know 2.4 GHz only. Check the name and the reception where the device stands.

cause-only-24-ghz = The device does not see this network, which by its name is one of 5 GHz
next-only-24-ghz = In its own scan the device hears 2.4 GHz only. Choose the network's 2.4 GHz name, or ask whoever runs it to switch 2.4 GHz on.

cause-no-address = The device is in the network and was given no address
next-no-address = The password is right. The network's DHCP does not answer this device: it may be full, or allow known devices only. Ask whoever runs it, or choose another network.

cause-dataset-invalid = The device cannot use this dataset
next-dataset-invalid = Copy it again from the border router, whole: the active dataset in hexadecimal digits.

cause-thread-not-found = The device does not find this Thread network
next-thread-not-found = Check that the border router is on and its dataset is the present one, and how far the device is from the nearest one.

cause-join-timeout = The device tries to join and does not get through
next-join-timeout = The network may allow known devices only, demand WPA3, or give out no addresses. Ask whoever runs it, or choose another one; switch the device off and on before that if it does not take it.

cause-false-success = The device says it is connected and cannot show to what
next-false-success = Switch it off and on, then try again.

cause-not-offered = This device does not offer this step
next-not-offered = Nothing to do.

cause-join-unconfirmed = The connection closed while it joined; it has probably worked
next-join-unconfirmed = Nothing to do. It shows as online once the platform has seen it.

cause-offline-deferred = No network here; the platform sees it later
next-offline-deferred = Nothing to do. The record is sent as soon as this machine is online.

cause-cloud-blocked = Joined, but nothing of it reaches the platform
next-cloud-blocked = This machine reaches the platform, the device's network probably does not let it out. Ask whoever runs the network to allow it to reach the platform, or press the device’s button shortly and commission it once more with another network: it keeps its owner. The device goes on trying by itself.

cause-not-yet-seen = Joined, but the platform has not seen it yet
next-not-yet-seen = Go on. If it stays unseen for an hour, check whether the site's network lets it out.

cause-contact-refused = Joined, but the platform does not accept it
next-contact-refused = Commission it once more with a fresh permission: synchronize, then try again. If it stays, note the time and call support.

cause-contact-key-mismatch = The platform knows another key for this serial number
next-contact-key-mismatch = Was its electronics replaced? Then an owner or administrator can have the former key forgotten, on the page of the device. Otherwise it may not be the device that its label says: do not rely on it.

cause-contact-epoch-stale = The platform knows a later claim of this device
next-contact-epoch-stale = Somebody commissioned or reset it since. Commission it once more; what is recorded stays.

cause-contact-owned-by-another = The device says that it belongs to another organization
next-contact-owned-by-another = Ask that organization for a release, or hold the button of the device to free it. Then commission it once more.

cause-contact-grant-unknown = The platform does not know the permission this device was claimed with
next-contact-grant-unknown = Synchronize the machine it was commissioned with, then commission the device once more: it takes a new permission.

cause-contact-grant-revoked = The permission this device was claimed with was taken back
next-contact-grant-revoked = Ask an administrator why. Then commission the device once more: it takes a new permission.

cause-contact-grant-expired = The permission this device was claimed with is out of its time
next-contact-grant-expired = Send the record of its commissioning: synchronize the machine it was made with. If the device stays out, commission it once more.

cause-contact-grant-spent = Another device used the permission this device was claimed with
next-contact-grant-spent = Commission the device once more: it takes a new permission.

cause-contact-device-retired = This device is retired here
next-contact-device-retired = It is not let in any more. Use another device, or hold its button to free it for another organization.

cause-contact-key-forgotten = Its former key is forgotten, and it is let in at its next try
next-contact-key-forgotten = It tries once a day. Switch it off and on, or commission it once more, and it tries at once.

cause-cancelled = It was stopped
next-cancelled = Nothing to do. The device can be started again at any time.

cause-interrupted = The app or its machine stopped in the middle
next-interrupted = Start the device again; it goes on from a safe point.
