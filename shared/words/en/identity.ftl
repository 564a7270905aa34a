### Signing in, invitations, passwords, sessions, roles.

sign-in-title = Sign in
sign-in-lead = Use the account your organization gave you.
sign-in-lead-tenant = to { $tenant }
sign-in-server = Server
sign-in-server-hint = The address of your OmnIoT server, for example https://iot.example.com
sign-in-tenant = Organization
sign-in-tenant-hint = The short name, as in your invitation.
sign-in-tenant-none = There is no organization “{ $name }” on this server. Its short name stands in your invitation.
sign-in-email = E-mail
sign-in-password = Password
sign-in-submit = Sign in
sign-in-forgot = Forgot your password?
sign-in-after-invitation = Welcome! Your account is ready. Sign in with the password you just chose.
sign-in-after-reset = Your password is changed and all sessions are signed out. Sign in with the new one.
sign-in-ended = Your session has ended. Sign in again to go on where you were.
session-over = Your session has ended
session-over-text = What you typed is still here, and not saved. Once this is mended, go on here.

role-owner = Owner
role-admin = Admin
role-operator = Operator
role-viewer = Viewer
role-technician = Technician

sign-in-back = Back to sign-in
forgot-title = Forgot your password?
forgot-lead = Tell us who you are, and we send you a link to choose a new one.
forgot-submit = Send the link
forgot-sent = If there is an account for { $email }, a mail with a link is on its way. The link works for a short time only.
reset-title = Choose a new password
reset-lead = All your sessions are signed out when you do.
reset-password = New password
reset-submit = Change password
password-hint = At least 12 characters. A few words you can remember are best.
link-incomplete = This link is incomplete. Open it again from the mail, or ask for a new one.
link-server = Server: { $host }
link-no-server = This link names no server that the app can reach. Ask for a new one.
link-server-new = This link leads to { $host }
link-server-new-text = This app has never spoken with that server. Go on only if your organization works there: it gets everything that you type here.
link-server-agree = Go on to { $host }
invitation-title = You are invited
invitation-lead = Join { $tenant } as { $role } with { $email }.
invitation-name = Your name
invitation-password = Choose a password
invitation-submit = Create my account

sign-out-failed = You are still signed in

account-me-lead = Your name, your password, and where you are signed in.
account-me = Who you are
account-name = Name
account-save-name = Save name
account-password = Password
account-password-text = Everywhere else you are signed out when you change it.
account-password-current = Current password
account-password-changed = Your password is changed. Everywhere else you are signed out.

session-title = Sessions
session-none = You are signed in nowhere else.
session-end-one = End session: { $name }, since { $since }
session-end-title = End this session?
session-end-text = { $name }, signed in since { $since }, is signed out at once. Whoever uses it must sign in again.
session-lead = Every place where you are signed in. End what you do not know.
session-current = This one
session-last-used = Last used
session-since = Since
session-end = End session
session-ended = The session is ended.
session-client-web = Browser
session-client-app = App
