### Several accounts in one app.

account-lead = Your accounts on this machine. Each keeps its own data.
account-browser = One account in a browser
account-browser-text = Sign out to use another one. The app holds several side by side.
account-none = No account yet
account-none-text = Add the first one: sign in with what your organization gave you.
account-add = Add account
account-back = Back to your accounts
account-active = In use
account-locked = Locked
account-lock = Lock
account-lock-failed = Locking did not work
account-locking = Nobody was here for a while: locking…
account-open = Open
account-open-title = Open the account of { $name }?
account-open-text = Type the password for { $tenant }. This device knows it, so that it works without a network, too.
account-who = Who is working?
account-who-lead = This device is locked. Choose your account and type its password.
account-somebody-else = Sign in as somebody else
account-use = Switch
account-use-one = Switch to { $name }
account-remove-one = Sign out of { $name }
account-remove-title = Sign out of { $name }?
account-remove-text = Its data is removed from this machine. You can sign in again at any time.
account-unsent = { $count ->
    [one] { $count } entry is only here
   *[other] { $count } entries are only here
}
account-discard = Throw away { $count ->
    [one] { $count } entry
   *[other] { $count } entries
} that nobody has received
account-discard-some = Throw away what nobody has received
account-discard-hint = Changes, checks and photos that wait or were refused, devices that were interrupted, and labels of a visit that wait. Without this, signing out is refused.
account-ended = Your access to { $tenant } has ended. What this machine held of it is destroyed.
account-ended-waiting = { $count ->
    [one] One change or photo that had not been sent is sealed and waits for a network, for its administrators.
   *[other] { $count } changes and photos that had not been sent are sealed and wait for a network, for its administrators.
}
account-ended-handed = { $count ->
    [one] One change or photo that had not been sent was handed to its administrators.
   *[other] { $count } changes and photos that had not been sent were handed to its administrators.
}
account-ended-lost = { $count ->
    [one] One change, photo or begun device was lost: the time for it was over, there was no room for it, or nobody could read it.
   *[other] { $count } changes, photos or begun devices were lost: the time for them was over, there was no room for them, or nobody could read them.
}
