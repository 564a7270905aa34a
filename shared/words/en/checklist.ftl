### What is checked, noted and photographed at each device, and the list of it that an organization has.

nav-checklist = Checklist
checklist-lead = What technicians check at every device they commission.
checklist-none = No checklist yet
checklist-none-text = Write down what is to be checked at every device: a tick, a reading, a photo. Notes and photos can be added without one, too.
checklist-none-read = Your organization has not made one. Notes and photos can be added at each device anyway.
checklist-changed = Last changed
checklist-unsaved = Your changes are not saved yet.
checklist-save = Save checklist
checklist-saved = The checklist is saved.
checklist-discard = Discard changes
checklist-full = A checklist has at most { $most } checks.
checklist-leave-title = Leave without saving?
checklist-leave-text = What you changed in the checklist is lost.
checklist-stale = Somebody else has saved the checklist meanwhile
checklist-stale-text = Nothing of yours is saved, and nothing is lost: load their list again, and what you typed stands beside it.
checklist-load-again = Load again
checklist-typed = What you typed
checklist-typed-text = These checks are not in the list below. Take over what should be.
checklist-typed-take = Take over
checklist-typed-take-one = Take over “{ $name }”
checklist-typed-dismiss = Dismiss

check-add = Add check
check-number = Check { $n }
check-up = Move up: { $name }
check-down = Move down: { $name }
check-edit = Edit: { $name }
check-remove = Remove: { $name }
check-moved = { $name } is now { $place } of { $of }.
check-fold = Done
check-text = What is to be checked
check-text-hint = A short sentence, such as “Cover is screwed tight”.
check-text-missing = Say what is to be checked, or remove it.
check-hint = Hint
check-hint-hint = How to do it, or what to look for.
check-evidence = Answered with
check-evidence-tick = Tick
check-evidence-text = Text
check-evidence-number = Number
check-evidence-photo = Photo
check-unit = Unit
check-required = Required
check-is-required = Required
check-is-required-hint = The app says which devices still miss it. It never stops anybody from going on.

## What is checked at one device

checks-title = Checks, notes and photos
checks-of-one = Checks, note and photos of { $name }
checks-short = Checks { $answered }/{ $total }
checks-note-photos = Note, photos
checks-count = { $answered } of { $total }
checks-progress = { $answered } of { $total } checks answered
checks-required-open = { $count ->
    [one] 1 required check is open
   *[other] { $count } required checks are open
}
checks-required-short = { $count } required open
checks-done = Done
checks-answer = Answer
checks-value = Value
checks-value-in = Value in { $unit }
checks-value-none = This is no number, so it is not kept. Write digits only.
checks-aside = Does not apply here
checks-aside-reason = Why it does not apply
checks-aside-missing = Say why; until then it counts as open.
checks-aside-because = Does not apply: { $reason }
checks-too-new = This kind of check is newer than the app. Update the app to answer it.
checks-open = Open
checks-missing = Open, although required
checks-nothing = Nothing was recorded.
checks-note = Note
checks-note-hint = What the next person should know about this device.
checks-photos = Photos
checks-photo-count = { $count ->
    [one] One photo
   *[other] { $count } photos
}
checks-photo-of = { $label }: photo { $n }
checks-photo-open = Show { $label }
checks-photo-add = Add photo
checks-photo-add-to = Add photo: { $label }
checks-photo-remove = Remove { $label }
checks-photo-retry = Try again: { $label }
checks-photo-undo = Undo
checks-photo-undo-one = Bring back { $label }
checks-photos-left = { $count ->
    [one] One photo was not taken: there is no room for more.
   *[other] { $count } photos were not taken: there is no room for more.
}
checks-stay = Something of the device that is open could not be saved yet. Look there what it is; then go on.
checks-go-on = Add or correct
checks-go-on-done = Done
checks-photo-full = There is no room for more photos.
checks-photo-sent = Sent
checks-photo-refused = Not taken by the server
checks-photos-refused = { $count ->
    [one] The server did not take one photo. It is kept on this machine; tell your administrator before you sign out.
   *[other] The server did not take { $count } photos. They are kept on this machine; tell your administrator before you sign out.
}
checks-photo-unsaved = A photo is not saved yet.
checks-photo-missing = The photo cannot be shown now
checks-photo-missing-one = { $label } cannot be shown now. Try again
checks-saving = Saving…
checks-saved = Saved on this machine
checks-sent = Saved and sent
checks-refused = The server did not take these answers
checks-refused-text = They are kept on this machine. Change one of them to send them again; if it stays, tell your administrator before you sign out.
checks-not-saved = Not saved
checks-incomplete = Saved but for what is not complete
checks-leave-title = Leave although something is not saved?
checks-switch-text = Something you noted, or a photo, is not safe on this machine yet. With another account it is lost.
checks-leave-text = Something you noted here, or a photo, is not safe on this machine yet. The app tries again while it is open; once it is closed, it is lost.
