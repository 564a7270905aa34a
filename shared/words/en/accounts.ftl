### Several accounts in one app.

account-lead = Your accounts on this machine. Each keeps its own data.
account-add = Add account
account-active = In use
account-use = Switch
account-use-one = Switch to { $name }
account-remove-one = Sign out of { $name }
account-remove-title = Sign out of { $name }?
account-remove-text = Its data is removed from this machine. You can sign in again at any time.
account-discard = Throw away { $count ->
    [one] { $count } change
   *[other] { $count } changes
} that nobody has received
account-discard-hint = Without this, signing out waits until they are sent.
