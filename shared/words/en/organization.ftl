### What counts for the whole organization.

organization-lead = What counts for everybody at { $tenant }.
organization-offline = Work without a network
organization-offline-days = Days without contact
organization-offline-hint = After so many days without a contact with the server, 1 to 90, the app shows nothing of your organization until it has one again. What was done on a device stays and is sent then. Fewer days protect lost devices better; more let people work longer far from any network.
