### Words that every page shares.

action-retry = Try again
action-close = Close
action-load-more = Show more
action-clear-filters = Clear filters
action-sign-in = Sign in
action-sign-out = Sign out
action-leave = Leave
action-go-on = Go on

leave-title = Leave without saving?
leave-text = What you typed here is lost.

close-title = Close although something is not saved?
close-text = Something you typed or picked is not safe on this machine yet. Once the window is closed, it is lost.
close-saving = Saving before the window closes
close-saving-text = What you noted and picked is being saved. The window closes by itself once that is done.
close-anyway = Close without saving

edit-met = Somebody changed this while you were editing
edit-met-text = Save again to put yours in its place, or cancel to keep theirs.
edit-met-empty = (empty)

field-optional = optional

state-loading = Loading…
state-unknown = Unknown
value-none = –
value-data = { $value }

list-count = { $count ->
    [one] { $count } entry shown
   *[other] { $count } entries shown
}
choice-more = There are more. Type to find them.
list-nothing-found = Nothing matches
list-nothing-found-text = Try fewer words or clear a filter.

page-missing = This page does not exist
page-missing-text = The address may be mistyped, or what it showed is gone.
page-broken = This did not work
page-broken-text = Something in this page failed. Your saved work is not affected.
page-home = Go to devices

preference-language = Language
preference-scheme = Appearance
language-en = English
language-ar-XB = Right-to-left test
scheme-system = Like the system
scheme-light = Light
scheme-dark = Dark
scheme-use-light = Use light colours
scheme-use-dark = Use dark colours

nav-label = Main
nav-label-phone = Main, short
nav-skip = Skip to content
nav-devices = Devices
nav-commission = Commission
nav-sites = Sites
nav-models = Models
nav-attempts = Attempts
nav-people = People
nav-roles = Roles
nav-audit = Audit
nav-organization = Organization
nav-accounts = Accounts
nav-my-account = My account
nav-preferences = Preferences
nav-more = More
nav-you = You: { $name }
nav-attention = Needs attention

action-cancel = Cancel
action-save = Save
action-saved = Saved.
action-edit = Edit
action-more = Actions

field-show = Show what I type

value-yes = Yes
value-no = No

signal = { $dbm } dBm

preference-lead = For this machine only.
shortcut-title = Keyboard
shortcut-search = Jump to the search
shortcut-rows = Move between the rows of a list
shortcut-open = Open the row
shortcut-close = Clear the search, close a dialog
