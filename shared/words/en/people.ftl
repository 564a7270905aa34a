### People, invitations and roles.

people-lead = Who works here, and what they may do.
people-search = Search name or e-mail
people-name = Name
people-email = E-mail
people-role = Role
people-last-seen = Last seen
people-never-seen = Never
people-you = (you)
people-actions = Actions for { $name }
people-edit = Name and role…
people-edit-title = { $name }
people-edit-text = A change of role takes effect at once.
people-lower = Lower my role
people-lower-title = Lower your own role?
people-lower-text = From { $from } to { $to }, at once. You cannot take it back yourself; somebody else has to raise you again.
people-sites = Sites…
people-sites-title = Where { $name } works
people-sites-text = At chosen sites a person sees only these, what stands there, and what belongs to no site. It takes effect at once. Apps remove the rest at their next contact; changes made there and not sent yet will be refused.
people-sites-where = Works
people-sites-all = Everywhere
people-sites-some = At chosen sites only
people-sites-search = Search sites
people-sites-count = { $count ->
    [0] No site chosen: only what belongs to no site is seen.
    [one] One site chosen
   *[other] { $count } sites chosen
}
people-chosen-sites = at chosen sites
people-sites-none-title = No site at all for { $name }?
people-sites-none-text = They will see only what belongs to no site, from now on.
people-sessions = Sessions…
people-sessions-title = Sessions of { $name }
people-sessions-text = Ending them signs this person out everywhere at once.
people-no-sessions = Not signed in anywhere.
people-sign-out-everywhere = Sign out everywhere
people-signed-out = { $name } is signed out everywhere.
people-remove = Remove…
people-remove-title = Remove { $name }?
people-remove-text = They are signed out at once and lose access. What they did stays in the history.
people-removed = { $name } is removed.
people-invite = Invite
people-invite-text = They get a mail with a link to choose a password.
people-invite-send = Send invitation
people-invited = The invitation to { $email } is on its way.
people-invitations = Open invitations
people-invitations-none = Nobody is invited at the moment.
people-invitation-until = ends
people-withdraw = Withdraw
people-withdraw-from = Withdraw the invitation of { $email }
people-withdraw-title = Withdraw this invitation?
people-withdraw-text = The link that { $email } got stops working.
people-invitation-withdrawn = The invitation is withdrawn.

roles-lead = What each role may do. Server and app decide by this same table.
roles-permission = Permission
roles-about = In short
role-about-owner = Everything, and the only one who makes owners. There is always at least one.
role-about-admin = Everything but owners.
role-about-operator = Runs sites and devices.
role-about-viewer = Looks, and changes nothing.
role-about-technician = Commissions devices in the field, also without a network.

permission-device-read = See devices
permission-device-write = Add and edit devices
permission-device-retire = Retire devices
permission-device-commission = Commission devices
permission-site-read = See sites
permission-site-write = Add and edit sites
permission-model-read = See device models
permission-model-write = Add and edit device models
permission-attempt-read = See commissioning attempts
permission-grant-manage = See and revoke claim grants
permission-person-read = See people
permission-person-manage = Change roles, remove people, end sessions
permission-owner-manage = Make and unmake owners
permission-invitation-manage = Invite people
permission-audit-read = Read the audit log
permission-sync-use = Work offline in the app
permission-other = { $permission }
