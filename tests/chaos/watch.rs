//! What may never be seen even for a moment, looked for all the time in the apps' files: 7 monotonic.

use std::{collections::BTreeMap, time::Duration};

use omniot_shared::sync::client::{Entry, Meta};
use rusqlite::{Connection, OpenFlags};
use tokio::time::{Instant, sleep};

use crate::cast::Hand;

/// How often it looks.
const GLANCE: Duration = Duration::from_millis(60);

/// Ids of intents and how far each has come.
type States = Vec<(Vec<u8>, String)>;

/// What one app's file has shown so far.
#[derive(Default)]
struct Seen {
    settled: BTreeMap<Vec<u8>, String>,
    cursor: i64,
}

/// Looks at the files of these apps until then; what was wrong.
pub async fn over(hands: &[Hand], until: Instant) -> Vec<String> {
    let mut seen: Vec<Seen> = hands.iter().map(|_| Seen::default()).collect();
    let mut found = Vec::new();
    while Instant::now() < until {
        for (hand, seen) in hands.iter().zip(&mut seen) {
            // A file that is being recovered by its app is looked at the next time.
            if let Ok((states, meta)) = db_glance(hand) {
                found.extend(seen.take_in(states, &meta).into_iter().map(|what| format!("7: {}: {what}", hand.name)));
            }
        }
        sleep(GLANCE).await;
    }
    found
}

impl Seen {
    fn take_in(&mut self, states: States, meta: &Meta) -> Vec<String> {
        let mut found = Vec::new();
        for (id, state) in states {
            let is_pending = matches!(state.as_str(), "waiting" | "deferred");
            if !is_pending {
                self.settled.insert(id, state);
            } else if let Some(before) = self.settled.remove(&id) {
                found.push(format!("{} was {before} and is {state} again", hex::encode(&id)));
            }
        }
        if meta.cursor.0 < self.cursor {
            found.push(format!("the cursor fell from {} to {}", self.cursor, meta.cursor.0));
        }
        self.cursor = meta.cursor.0;
        found
    }
}

fn db_open(hand: &Hand) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(hand.db_file(), OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

fn db_meta(db: &Connection) -> rusqlite::Result<Meta> {
    let text: String = db.query_row("select value from meta where name = 'replica'", [], |row| row.get(0))?;
    Ok(serde_json::from_str(&text).expect("a replica's record about itself"))
}

fn db_glance(hand: &Hand) -> rusqlite::Result<(States, Meta)> {
    let mut db = db_open(hand)?;
    let moment = db.transaction()?;
    let mut statement = moment.prepare("select id, state from outbox")?;
    let states = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    Ok((states, db_meta(&moment)?))
}

/// Every intent that the app ever recorded, in order, and its record about itself.
pub fn db_outbox(hand: &Hand) -> (Vec<Entry>, Meta) {
    let db = db_open(hand).expect("the replica opens");
    let mut statement = db.prepare("select whole from outbox order by place").expect("an outbox");
    let entries = statement.query_map([], |row| row.get::<_, String>(0)).expect("entries");
    let entries = entries.map(|text| serde_json::from_str(&text.expect("text")).expect("an entry")).collect();
    (entries, db_meta(&db).expect("a record about itself"))
}
