//! What a commit tells the other processes on the same database: one notification, sent from inside
//! the transaction, so that PostgreSQL delivers it when the commit is done, and never without it.
//!
//! It says which tenant and how far, and whether access changed. Deliberately not here: anything else
//! of a tenant, since whoever may connect to the database may listen; and who hears it (`listener`).

use omniot_shared::ids::TenantId;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::db::{DbError, Event};

/// The one channel of a database.
pub(super) const CHANNEL: &str = "omniot";

/// The events of one commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::db) struct Tidings {
    /// Which process speaks: it has told its own streams already.
    pub(super) origin: Uuid,
    pub(super) tenant: TenantId,
    /// The tenant's sequence, when synced entities changed.
    seq: Option<i64>,
    /// Whether streams must check their right.
    access: bool,
}

impl Tidings {
    /// All that one commit has to say, however many events it collected; `None` for nothing.
    pub(in crate::db) fn of(origin: Uuid, tenant: TenantId, events: &[Event]) -> Option<Self> {
        let seq = events.iter().filter_map(|event| if let Event::Changed { seq, .. } = event { Some(*seq) } else { None }).max();
        let access = events.contains(&Event::AccessChanged);
        (seq.is_some() || access).then_some(Self { origin, tenant, seq, access })
    }

    /// Leaves word in an open transaction.
    pub(in crate::db) async fn leave(&self, transaction: &mut PgConnection) -> Result<(), DbError> {
        let text = serde_json::to_string(self).map_err(|error| sqlx::Error::Encode(error.into()))?;
        sqlx::query("select pg_notify($1, $2)").bind(CHANNEL).bind(text).execute(transaction).await?;
        Ok(())
    }

    /// `None` for what no process of ours says.
    pub(super) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// As events again; access first, so that nobody is told more than they may know.
    pub(super) fn events(&self) -> impl Iterator<Item = Event> + use<> {
        let access = self.access.then_some(Event::AccessChanged);
        access.into_iter().chain(self.seq.map(Event::changed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: TenantId = TenantId(Uuid::from_u128(7));

    #[test]
    fn a_commit_with_many_events_says_one_short_thing() {
        let mut events: Vec<Event> = (1..=5_000).map(Event::changed).collect();
        events.insert(9, Event::AccessChanged);
        let tidings = Tidings::of(Uuid::from_u128(1), TENANT, &events).expect("something to say");
        let text = serde_json::to_string(&tidings).expect("text");
        assert_eq!(text, r#"{"origin":"00000000-0000-0000-0000-000000000001","tenant":"ten_00000000000000000000000000000007","seq":5000,"access":true}"#);
        let heard = Tidings::read(&text).expect("our own words");
        assert_eq!(heard.events().collect::<Vec<_>>(), [Event::AccessChanged, Event::changed(5_000)]);
    }

    #[test]
    fn a_commit_without_events_says_nothing_and_strange_words_are_passed_over() {
        assert_eq!(Tidings::of(Uuid::from_u128(1), TENANT, &[]), None);
        for strange in ["", "hello", "{}", r#"{"tenant":"7"}"#] {
            assert_eq!(Tidings::read(strange), None, "{strange}");
        }
    }
}
