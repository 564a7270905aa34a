//! When a change was made, although the clock was set since.
//!
//! The server takes all times of a push to be by the clock that sends it, and corrects them by what that is wrong by now.
//! A change that was made before somebody set the clock is therefore given the time that the clock as it is now would
//! have shown: a clock that nobody sets says how long ago it was. After a restart of the machine nothing says it.

use serde::{Deserialize, Serialize};

use super::{Entry, Meta};
use crate::time::{Moment, Steady};

/// Two clocks that were not set differ by less.
const DRIFT_MS: i64 = 60_000;

/// What the clocks of a machine said when an intent was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The one that nobody sets, where there is one.
    pub steady: Option<Steady>,
    /// What the other one was wrong by, as last measured; before the first contact nobody knows.
    pub skew_ms: Option<i64>,
}

impl Reading {
    /// As it is taken when something is recorded.
    pub(super) fn taken(now: Moment, meta: &Meta) -> Self {
        Self { steady: now.steady, skew_ms: (meta.life != 0).then_some(meta.skew_ms) }
    }
}

/// The time of an intent by the clock as it stands `now`; or that it is only roughly known, where the clock was wrong by
/// something else than `skew_ms` when it was made.
pub(super) fn set_right(entry: &mut Entry, now: Moment, skew_ms: i64) {
    let Some(reading) = entry.reading else { return };
    match (reading.steady, now.steady) {
        (Some(then), Some(steady)) if then.run == steady.run => {
            let at = now.at.plus(then.ms.saturating_sub(steady.ms));
            if at.since(entry.intent.at).saturating_abs() > DRIFT_MS {
                entry.intent.at = at;
            }
        }
        // Whether it was set before the change or after it nobody knows.
        _ => entry.intent.at_is_rough = reading.skew_ms.is_some_and(|then| then.saturating_sub(skew_ms).saturating_abs() > DRIFT_MS),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use crate::{
        ids::{ClientId, IntentId, PersonId, SiteId, TenantId},
        roles::Role,
        sync::{
            Change, Seq,
            client::{Memory, Meta, Replica as _, next_push, record},
            intent::NewSite,
        },
        time::{Millis, Moment, Steady},
    };

    const HOUR: i64 = 3_600_000;

    fn moment(at: i64, run: u128, ms: i64) -> Moment {
        Moment { at: Millis(at), steady: Some(Steady { run: Uuid::from_u128(run), ms }) }
    }

    /// When the push at `sent` says that a change was made which was recorded at `made`, and whether roughly; the clock was
    /// an hour ahead when it was last measured before it, and is wrong by `skew_ms` now.
    fn told(made: impl Into<Moment>, sent: impl Into<Moment>, skew_ms: i64) -> (i64, bool) {
        let id = Uuid::from_u128;
        let mut replica = Memory::new(Meta { life: 1, epoch: 1, cursor: Seq(5), skew_ms: HOUR, ..Meta::new(ClientId(id(1)), TenantId(id(2)), PersonId(id(3)), Role::Admin) });
        let site = NewSite { id: SiteId(id(4)), name: "Depot".into(), address: None, time_zone: "UTC".into(), note: None };
        record(&mut replica, IntentId(id(5)), made, Change::SiteCreate(site)).unwrap().unwrap();
        let meta = Meta { skew_ms, ..replica.meta().unwrap() };
        replica.save_meta(&meta).unwrap();
        let push = next_push(&replica, sent).unwrap().unwrap();
        (push.intents[0].at.0, push.intents[0].at_is_rough)
    }

    #[test]
    fn a_change_keeps_its_age_when_the_clock_is_set() {
        let made = moment(10 * HOUR, 1, 500);
        assert_eq!(told(made, moment(11 * HOUR, 1, 500 + 2 * HOUR), 0), (9 * HOUR, false), "set back by an hour: it was made two hours ago");
        assert_eq!(told(made, moment(99 * HOUR, 1, 500 + HOUR), 90 * HOUR), (98 * HOUR, false), "set ahead");
        assert_eq!(told(made, moment(11 * HOUR + 900, 1, 500 + HOUR), HOUR), (10 * HOUR, false), "what only drifts is left alone");
    }

    #[test]
    fn after_a_restart_it_is_only_roughly_known_where_the_clock_was_set() {
        let made = moment(10 * HOUR, 1, 500);
        assert_eq!(told(made, moment(11 * HOUR, 2, 9), 0), (10 * HOUR, true));
        assert_eq!(told(made, moment(11 * HOUR, 2, 9), HOUR + 900), (10 * HOUR, false), "it is wrong as it was");
        assert_eq!(told(Millis(10 * HOUR), Millis(11 * HOUR), 0), (10 * HOUR, true), "nor do machines know it that have no such clock");
    }
}
