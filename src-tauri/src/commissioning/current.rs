//! Whose the current commission is, and when it may be left.
//!
//! Deliberately not here: how one begins (the module above) and what is done in it (`api`).

use omniot_shared::ids::AttemptId;
use tokio::task::JoinHandle;

use super::{Commissioning, Current, NotBegun, State, Step};
use crate::events::Event;

impl Current {
    pub(super) fn is_at_work(&self) -> bool {
        self.work.as_ref().is_some_and(|work| !work.is_finished())
    }

    /// Ends it; what there is to wait for.
    pub(super) fn stop(&mut self) -> Option<JoinHandle<()>> {
        self.stop.cancel();
        self.work.take()
    }

    /// Whether nobody has to do anything about it any more.
    fn may_be_left(&self) -> bool {
        !self.is_at_work() || self.board.read(|draft| draft.state == State::Failed || draft.step == Step::Cloud)
    }
}

impl Commissioning {
    /// Whether a commission of that account runs or waits for its technician. One that only waits
    /// for the server does neither: it is recorded by itself, in its account.
    #[must_use]
    pub fn is_busy(&self, account: &str) -> bool {
        let current = self.current();
        let mine = current.as_ref().filter(|current| current.account == account);
        mine.is_some_and(|current| current.is_at_work() && current.board.read(|draft| draft.step != Step::Cloud))
    }

    /// Leaves the current commission of the active account: one that is over, one that failed, or one
    /// that only waits for the server. It is recorded first.
    ///
    /// # Errors
    /// [`NotBegun::Busy`] when it still runs or waits for its technician.
    pub async fn leave(&self) -> Result<(), NotBegun> {
        let _one = self.beginning.lock().await;
        let Some(account) = self.account().await else { return Ok(()) };
        self.end_finished(Some(&account)).await?;
        self.current().take_if(|current| current.account == account);
        self.events.tell(Event::Commission);
        Ok(())
    }

    /// Ends the current commission when it may be left, and waits for its record.
    pub(super) async fn end_finished(&self, account: Option<&str>) -> Result<(), NotBegun> {
        let work = {
            let mut held = self.current();
            let mine = held.as_mut().filter(|current| account.is_none_or(|account| current.account == account));
            let Some(current) = mine else { return Ok(()) };
            if !current.may_be_left() {
                return Err(NotBegun::Busy);
            }
            current.stop()
        };
        if let Some(work) = work {
            let _ = work.await;
        }
        Ok(())
    }

    /// Stops the current commission, if it is that one, and waits for its record.
    pub(super) async fn stop(&self, id: AttemptId) {
        let work = self.current().as_mut().filter(|current| current.id == id).and_then(Current::stop);
        if let Some(work) = work {
            let _ = work.await;
        }
    }

    /// Nothing goes on for an account that is gone: not even a wait for the server.
    pub(super) async fn keep_only(&self, accounts: &[String]) {
        self.means.late.keep_only(accounts);
        let gone = self.current().take_if(|current| !accounts.contains(&current.account));
        if let Some(work) = gone.and_then(|current| current.work) {
            work.abort();
            let _ = work.await;
        }
    }

    /// The active account.
    pub(super) async fn account(&self) -> Option<String> {
        self.desks.active().await.ok().map(|desk| desk.account().to_owned())
    }

    /// Looks at the current commission, when it is one of the active account.
    pub(super) async fn mine<T>(&self, look: impl FnOnce(&mut Current) -> T) -> Option<T> {
        let account = self.account().await?;
        self.current().as_mut().filter(|current| current.account == account).map(look)
    }
}
