### Words of the mails that the server writes. Plain text; links stand on a line of their own.
### $tenant is the organization's display name, $product the brand's name.

## An invitation. $inviter is who invites, $role one of the roles' names, $days how long the link works,
## $link opens in a browser, $app_link in the app.

invitation-subject = { $inviter } invites you to { $tenant }
invitation-body =
    Hello,

    { $inviter } invites you to { $tenant } on { $product }, { $role ->
        [owner] as an owner
        [admin] as an administrator
        [operator] as an operator
        [technician] as a technician
       *[viewer] as a viewer
    }.

    Accept in a browser:
    { $link }

    Or in the app, on the device where it is installed:
    { $app_link }

    The link works once, for { $days ->
        [one] one day
       *[other] { $days } days
    }. If you did not expect it, ignore this mail: nothing happens without it.

## A link to set a new password. $name is the person's name, $minutes how long the link works.

password-reset-subject = A new password for { $tenant }
password-reset-body =
    Hello { $name },

    somebody, probably you, asked for a new password for { $tenant } on { $product }.

    Set it in a browser:
    { $link }

    Or in the app:
    { $app_link }

    The link works once, for { $minutes } minutes. If it was not you, ignore this mail: your password stays as it is.

## Sent after a password was set by such a link.

password-changed-subject = Your password for { $tenant } was changed
password-changed-body =
    Hello { $name },

    your password for { $tenant } on { $product } was changed just now, and you were signed out everywhere.

    If it was not you, ask an owner or administrator of { $tenant } to look into it at once.
