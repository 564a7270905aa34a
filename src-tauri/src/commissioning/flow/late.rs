//! Records that could not be saved when their commission ended: tried again with growing pauses for
//! as long as the app runs, and shown until they are saved.
//!
//! Deliberately not here: what a crash leaves behind (`recovery`); what was stored last is recorded then.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use omniot_shared::{entities::Attempt, ids::AttemptId};
use serde_json::Value;
use tokio::{task::JoinSet, time::sleep};

use super::{
    board::Board,
    desk::{CommissionedDevice, Desk, DeskError},
    run::Means,
};

/// The warning of a commission whose record is not saved.
pub const NOT_RECORDED: &str = "not_recorded";
/// The longest pause between two tries.
const LONGEST: Duration = Duration::from_secs(60);

/// What the end of a commission writes.
pub struct Record {
    /// The attempt.
    pub attempt: Attempt,
    /// Its device, when it was claimed.
    pub device: Option<CommissionedDevice>,
}

impl Record {
    /// Writes it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn write(&self, desk: &dyn Desk) -> Result<(), DeskError> {
        desk.record(&self.attempt, self.device.as_ref()).await
    }
}

struct Waiting {
    account: String,
    id: AttemptId,
    board: Arc<Board>,
}

/// The records that wait, and who tries them.
#[derive(Default)]
pub struct Late {
    waiting: Mutex<Vec<Waiting>>,
    work: Mutex<JoinSet<()>>,
}

impl Late {
    /// Whether that commission's record waits here.
    pub fn has(&self, id: AttemptId) -> bool {
        self.waiting().iter().any(|waiting| waiting.id == id)
    }

    /// The commissions of `account` whose records wait, except `current`, as the page sees them.
    pub fn of(&self, account: &str, current: Option<AttemptId>) -> Vec<Value> {
        let waiting = self.waiting();
        let shown = waiting.iter().filter(|waiting| waiting.account == account && Some(waiting.id) != current);
        shown.map(|waiting| waiting.board.view()).collect()
    }

    /// Keeps only what belongs to these accounts: the others are gone, with their stores.
    pub fn keep_only(&self, accounts: &[String]) {
        self.waiting().retain(|waiting| accounts.contains(&waiting.account));
    }

    /// Stops trying.
    pub fn stop(&self) {
        self.work.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
        self.waiting().clear();
    }

    fn done(&self, id: AttemptId) {
        self.waiting().retain(|waiting| waiting.id != id);
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tries that record until it is saved.
pub fn keep_trying(means: &Arc<Means>, desk: Arc<dyn Desk>, board: Arc<Board>, record: Record) {
    let id = record.attempt.id;
    let account = desk.account().to_owned();
    means.late.waiting().push(Waiting { account, id, board: Arc::clone(&board) });
    let doing = Arc::clone(means);
    let work = async move {
        let mut pause = doing.pace.record_again;
        loop {
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST);
            if !doing.late.has(id) {
                return;
            }
            match record.write(&*desk).await {
                Ok(()) => break,
                Err(error) => tracing::warn!(attempt.id = %id, %error, "the attempt could still not be recorded"),
            }
        }
        doing.late.done(id);
        board.change(|draft| draft.warnings.retain(|warning| warning != NOT_RECORDED));
    };
    let mut trying = means.late.work.lock().unwrap_or_else(PoisonError::into_inner);
    while trying.try_join_next().is_some() {}
    trying.spawn(work);
}
