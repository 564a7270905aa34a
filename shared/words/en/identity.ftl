### Signing in, invitations, passwords, sessions, roles.

sign-in-title = Sign in
sign-in-lead = Use the account your organization gave you.
sign-in-lead-tenant = to { $tenant }
sign-in-server = Server
sign-in-server-hint = The address of your OmnIoT server, for example https://iot.example.com
sign-in-tenant = Organization
sign-in-tenant-hint = The short name, as in your invitation.
sign-in-email = E-mail
sign-in-password = Password
sign-in-submit = Sign in
sign-in-forgot = Forgot your password?
sign-in-after-invitation = Welcome! Your account is ready. Sign in with the password you just chose.
sign-in-after-reset = Your password is changed and all sessions are signed out. Sign in with the new one.
sign-in-ended = Your session has ended. Sign in again to go on where you were.

role-owner = Owner
role-admin = Admin
role-operator = Operator
role-viewer = Viewer
role-technician = Technician
