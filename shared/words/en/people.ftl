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
people-sites-text = At chosen sites a person sees only these and those of chosen groups, what stands there, and what belongs to no site. It takes effect at once. Apps remove the rest at their next contact; changes made there and not sent yet will be refused.
people-sites-where = Works
people-sites-all = Everywhere
people-sites-some = At chosen sites only
people-sites-search = Search sites
people-sites-count = { $count ->
    [0] No site chosen: only what belongs to no site is seen.
    [one] One site chosen
   *[other] { $count } sites chosen
}
people-sites-by-groups = No single site chosen: the sites of the groups are seen.
people-groups-count = { $count ->
    [0] No site group chosen
    [one] One site group chosen
   *[other] { $count } site groups chosen
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

group-title = Site groups
group-lead = Sites under one name. Whoever works at a group sees the sites that are in it at the moment.
group-search = Search site groups
group-name = Name
group-sites = { $count ->
    [0] No site
    [one] One site
   *[other] { $count } sites
}
group-people = { $count ->
    [0] Nobody
    [one] One person
   *[other] { $count } people
}
group-none = No site groups yet
group-none-text = Put sites under one name, such as a region or a customer, and let people work there.
group-add = Add site group
group-add-text = Nobody sees more or less by a new group; people are given it under People.
group-added = { $name } is added.
group-edit = Edit site group
group-edit-one = Edit { $name }
group-edit-text = { $people ->
    [one] One person works
   *[other] { $people } people work
} at the sites of this group. A change takes effect at once. Apps remove what is taken out at their next contact; changes made there and not sent yet will be refused.
group-edit-nobody = Nobody is limited to this group. People are given it under People.
group-sites-chosen = { $count ->
    [0] No site chosen
    [one] One site chosen
   *[other] { $count } sites chosen
}
group-delete = Delete group
group-delete-one = Delete { $name }
group-delete-title = Delete { $name }?
group-delete-nobody = Nobody loses sight of anything. The sites stay.
group-delete-takes = { $people ->
    [one] One person loses
   *[other] { $people } people lose
} sight of { $sites ->
    [one] one site
   *[other] { $sites } sites
}, at once. Apps remove them at their next contact; changes made there and not sent yet will be refused. The sites stay.
group-delete-failed = What this would change is not known
group-deleted = { $name } is deleted.

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
permission-device-release = Hand devices over to other organizations
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
permission-tenant-manage = Change what counts for the whole organization
permission-audit-read = Read the audit log
permission-sync-use = Work offline in the app
permission-other = { $permission }

escrow-title = Work of people who left
escrow-lead = Changes that their authors could not send any more. Nothing of it happens until you accept it; after 90 days it is forgotten.
escrow-open = Work of people who left
escrow-none = Nothing waits for you
escrow-none-text = When somebody is removed, or has another role or other sites, what they had not sent and may not do any more comes here.
escrow-why-left = They were removed, or seemed to be, before they could send it.
escrow-why-site = Their role, or the sites where they work, did not allow it any more when it came.
escrow-files = { $count ->
    [one] One photo or list of checks comes with it.
   *[other] { $count } photos and lists of checks come with it.
}
escrow-would-be = Would be
escrow-is = Is now
escrow-accept = Accept
escrow-accept-title = Accept this change?
escrow-accept-text = It is carried out in the name of { $name }, over what stands there now.
escrow-accepted = The change is carried out.
escrow-refused = It was not carried out, and stays here.
escrow-reject = Reject
escrow-reject-title = Reject this change?
escrow-reject-text = It does not happen and is not shown any more.
escrow-reject-evidence = It may be the only record of what was done to a device. It is not shown any more, and its photos are deleted.
escrow-rejected = The change is rejected.
