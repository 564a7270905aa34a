//! Bugs on purpose, to see that the tests of the invariants bite. Compiled into tests only.

use std::cell::Cell;

/// A bug that the simulation must catch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// The cursor is committed before the rows it stands for.
    CursorBeforeRows,
    /// A rebase no longer shows what is accepted and not yet pulled.
    RebaseForgetsAccepted,
}

thread_local! {
    static BUG: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Whether that bug is switched on in this thread.
pub fn is(bug: Bug) -> bool {
    BUG.with(Cell::get) == Some(bug)
}

/// Commits the transaction under way, early.
pub fn commit_here() {}
