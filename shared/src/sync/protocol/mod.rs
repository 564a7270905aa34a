//! The protocol in small, explored in full: every order in which messages, crashes, a removal and
//! a compaction can meet, within bounds.
//!
//! **Explored**: one server, two clients, three intents in all ([`Wish`]), recorded at any moment; pushes and
//! pulls at any moment; the removal of the second client's person and a compaction, each once or never, at any moment.
//! **Faults** ([`step::Fault`]), so many in a run and at any moment: a push or its answer is late, lost or comes twice, a
//! pull is late (and overtaken) or cut after any change, a client crashes. **Bounds**: a message that no fault hits is
//! answered at once, so with k faults at most k are under way out of turn; every split of the intents and every sequence of
//! wishes with no fault, [`tests`] says which with more. No symmetry is used.
//!
//! The state graph has no cycles (each fault is paid for, all else moves something forward), so that
//! `eventually` is exact; a test checks that, too. Left out, because it reduces to what is here: a pull's request on
//! its way (an answer to an older place is overtaken, whenever it was read), a server that dies in a transaction (the push
//! is lost), several rows in a frame.
//!
//! Deliberately not here: what the real structs do ([`super::sim`], at random), checksums (rows must be right without
//! them), `later`, copied clients, restored servers, rows shown on top of the server's. The numbering and the rule
//! about parents are the real ones ([`crate::sync::server`]).
//! To add a bug that must be found: a variant of [`Flaw`], its place, its line in [`tests`].

mod client;
mod properties;
mod server;
mod state;
mod step;
mod tests;

use state::Plan;

/// What is explored.
#[derive(Debug, Clone)]
pub struct Model {
    /// What the clients are given to do; each is explored.
    pub plans: Vec<Plan>,
    /// Faults in one run.
    pub faults: u8,
    /// Built into the protocol on purpose.
    pub flaw: Option<Flaw>,
}

/// What a person records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wish {
    /// A row of its own.
    Create,
    /// A row of its own, which the server will refuse.
    CreateBadly,
    /// Changes the row that the same client made last; depends on that intent.
    EditMine,
    /// Changes the row that was there from the beginning.
    EditOld,
    /// Deletes that row.
    EraseOld,
}

/// A bug that the checker must find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// The server can die between an effect and its receipt.
    ReceiptApart,
    /// A number that has a receipt is carried out again.
    ReplayRunsAgain,
    /// A refusal leaves the client's last number where it was.
    RefusedKeepsNumber,
    /// A push is carried out from its end.
    LastFirst,
    /// A child is carried out whatever became of its parent.
    ParentForgotten,
    /// Tombstones go, and older cursors are still served.
    TombstonesDroppedEarly,
    /// Sequences are taken before the transaction that uses them.
    SequenceTakenEarly,
    /// The cursor is committed before the rows it stands for.
    CursorBeforeRows,
    /// The answer to an older pull is published after a newer one.
    OlderPullWins,
    /// What was staged is added to by an answer that replaces it.
    FreshAddsToStaged,
    /// Who was removed keeps the rows.
    RowsOutliveAccess,
    /// What was read before a removal is taken after it was told.
    LateRowsComeBack,
}
