//! The lease: for how long what is here may be read without a word from the server.
//!
//! The tenant says how many days. When they are over, nothing is shown and nothing can be changed; what was done here stays
//! and is sent with the next contact, which opens everything again. By then the server may have said that the person is no
//! member any more. It is a rule for those who use the app, no seal: the file is as it was.
//! Deliberately not here: whose account is open (`lock`).

use omniot_shared::time::{Millis, Steady};
use serde::Serialize;

use super::Account;
use crate::store::clock::Contact;

/// What counts where the server does not say.
pub(super) const DAYS: u16 = 14;
const DAY_MS: i64 = 24 * 3_600_000;

/// How an account's lease stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Lease {
    /// Days without a word from the server, as the tenant has it.
    pub days: u16,
    /// When it was last heard, by its clock.
    pub heard_at: Option<Millis>,
    /// When they are over, by the server's clock; none before the first contact.
    pub until: Option<Millis>,
    /// Whether they are.
    pub is_over: bool,
}

impl Account {
    /// How the lease stands now. The clock that nobody sets counts, where there is one that goes on from then; otherwise there is
    /// only the other one, so that one that jumped ahead ends a lease too early, and one that was set back too late.
    #[must_use]
    pub fn lease(&self) -> Lease {
        let days = self.me().tenant.offline_days;
        let length = i64::from(days).saturating_mul(DAY_MS);
        let Some(contact) = *self.contact() else { return Lease { days, heard_at: None, until: None, is_over: false } };
        let silent = silence(contact, self.server_now(), self.clock.steady());
        Lease { days, heard_at: Some(contact.at), until: Some(contact.at.plus(length)), is_over: silent > length }
    }

    /// The server was heard, whose clock showed `at`: the lease begins anew.
    pub fn note_contact(&self, at: Millis) -> Contact {
        let contact = Contact { at, steady: self.clock.steady() };
        *self.contact() = Some(contact);
        contact
    }
}

/// How long the server was not heard, in milliseconds.
fn silence(contact: Contact, server_now: Millis, steady: Option<Steady>) -> i64 {
    match (contact.steady, steady) {
        (Some(then), Some(now)) if then.run == now.run => now.ms.saturating_sub(then.ms),
        _ => server_now.since(contact.at),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_clock_that_is_set_shortens_and_prolongs_nothing_until_the_machine_starts_again() {
        let steady = |run: u128, days: i64| Some(Steady { run: Uuid::from_u128(run), ms: days * DAY_MS });
        let contact = Contact { at: Millis(1000 * DAY_MS), steady: steady(1, 3) };
        for by_the_wall in [-3650, 0, 3650] {
            assert_eq!(silence(contact, contact.at.plus(by_the_wall * DAY_MS), steady(1, 8)), 5 * DAY_MS, "{by_the_wall}");
        }
        assert_eq!(silence(contact, contact.at.plus(20 * DAY_MS), steady(2, 1)), 20 * DAY_MS, "another start: only the wall says it");
        assert_eq!(silence(Contact { steady: None, ..contact }, contact.at.plus(20 * DAY_MS), steady(1, 4)), 20 * DAY_MS);
    }
}
