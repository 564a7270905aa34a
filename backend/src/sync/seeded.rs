//! Bugs on purpose in how pushes are carried out, to see that a run with real processes bites.
//! Compiled only with the feature `seeded-leaks`, off unless one is planted, and without effect in
//! an optimized build: never part of a server that is released.
//!
//! To add one: a variant, its place in `push`, and its line in `tests/chaos/planted.rs`.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};

/// A bug, with the invariant of docs/SYNC.md that it breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Bug {
    /// 3: numbers that have receipts are carried out again.
    ReplayRunsAgain = 1,
    /// 2: some receipts say that something was done, and nothing was.
    ReceiptWithoutEffect = 2,
    /// 3: receipts are stored in a transaction after that of the effects, and now and then the server dies in between.
    ReceiptApart = 3,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::ReplayRunsAgain, Self::ReceiptWithoutEffect, Self::ReceiptApart];

    /// The name by which a process is told to have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReplayRunsAgain => "replay-runs-again",
            Self::ReceiptWithoutEffect => "receipt-without-effect",
            Self::ReceiptApart => "receipt-apart",
        }
    }

    /// The bug of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|bug| bug.name() == name)
    }
}

/// What happens only now and then happens each time after so many chances.
const EVERY: u32 = 3;

static PLANTED: AtomicU8 = AtomicU8::new(0);
static CHANCES: AtomicU32 = AtomicU32::new(0);
static DIED: AtomicBool = AtomicBool::new(false);

/// Plants a bug in this process, for good.
pub fn plant(bug: Bug) {
    PLANTED.store(bug as u8, Ordering::SeqCst);
}

/// Whether that bug is planted.
pub(super) fn is(bug: Bug) -> bool {
    cfg!(debug_assertions) && PLANTED.load(Ordering::SeqCst) == bug as u8
}

/// Whether that bug is planted and this is one of the times when it shows.
pub(super) fn shows(bug: Bug) -> bool {
    is(bug) && CHANCES.fetch_add(1, Ordering::SeqCst) % EVERY == EVERY - 1
}

/// The server dies after the commit under way.
pub(super) fn die() {
    DIED.store(true, Ordering::SeqCst);
}

/// Whether it did; asks once.
pub(super) fn takes_death() -> bool {
    DIED.swap(false, Ordering::SeqCst)
}
