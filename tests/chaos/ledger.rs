//! What people were told: every write that was answered, or may have happened unanswered.
//!
//! Each write carries words of its own, so that it is found again wherever it has got to.
//! Deliberately not here: what must be true of it (`invariants`).

use std::sync::Mutex;

/// A write, by the app's door or by REST.
#[derive(Debug, Clone)]
pub struct Write {
    /// As changes are named: `site.update`.
    pub kind: &'static str,
    /// The words that only this write carries.
    pub words: String,
    /// The row it is about; empty for a row that it makes.
    pub target: String,
    /// Somebody was told that it is saved.
    pub answered: bool,
}

/// A commission that was begun.
#[derive(Debug, Clone)]
pub struct Begun {
    /// The name that its device is to have.
    pub words: String,
    /// Of the attempt that it becomes; `None` when nobody was told that it began.
    pub attempt: Option<String>,
}

/// Everything that one person did at one machine.
#[derive(Debug, Clone, Default)]
pub struct Pages {
    /// In order.
    pub writes: Vec<Write>,
    /// In order.
    pub commissions: Vec<Begun>,
    /// Answers that nobody should get.
    pub odd: Vec<String>,
}

/// The pages of one person at one machine, while they are written.
pub struct Ledger {
    name: String,
    pages: Mutex<Pages>,
}

impl Ledger {
    /// An empty one.
    pub fn of(name: &str) -> Self {
        Self { name: name.to_owned(), pages: Mutex::default() }
    }

    /// Words that no other write carries, and that are no beginning of another's.
    pub fn words(&self) -> String {
        let pages = self.pages.lock().unwrap();
        format!("{}-{:04}", self.name, pages.writes.len() + pages.commissions.len())
    }

    /// Before it is asked for: it may happen from now on. Gives its page.
    pub fn begins(&self, write: Write) -> usize {
        let mut pages = self.pages.lock().unwrap();
        pages.writes.push(write);
        pages.writes.len() - 1
    }

    /// It was answered with that status.
    pub fn answered(&self, page: usize, status: u16, body: &serde_json::Value) {
        let mut pages = self.pages.lock().unwrap();
        if (200..300).contains(&status) {
            pages.writes[page].answered = true;
            return;
        }
        if status >= 500 {
            let odd = format!("{} was answered {status} {body}", pages.writes[page].words);
            pages.odd.push(odd);
        }
        // Refused: it has not happened, and its words are not used again.
        pages.writes[page].kind = "refused";
    }

    /// A commission was asked for, and perhaps begun.
    pub fn commissions(&self, begun: Begun) {
        self.pages.lock().unwrap().commissions.push(begun);
    }

    /// What stands there.
    pub fn pages(&self) -> Pages {
        self.pages.lock().unwrap().clone()
    }
}
