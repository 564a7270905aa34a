//! Bugs on purpose, to see that the tests of the invariants bite. Compiled into tests only.
//!
//! To add one: a variant, its place in the code or the simulated server, its line in
//! `sim::each_seeded_bug_is_caught`.

use std::cell::Cell;

/// A bug that the simulation must catch, with the invariant of SYNC.md that it breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// 1: a pull does not say what is gone.
    TombstonesForgotten,
    /// 1: the checksum is not compared, and a frame of rows gets lost.
    ChecksumNotCompared,
    /// 2: "later" is taken for a last word.
    LaterIsFinal,
    /// 3: a receipt is stored, its effect is not.
    ReceiptWithoutEffect,
    /// 3: a number that has a receipt is carried out again.
    ReplayRunsAgain,
    /// 4: a push is carried out in the order of the clients' clocks.
    OrderedByClock,
    /// 5: a refused intent leaves its number free, and the next one looks like a gap.
    RefusedKeepsNumber,
    /// 1: sequences are taken from the server's clock, so that two changes of one moment have the same.
    SequenceFromClock,
    /// 2: what is recorded over rows of a lost past counts as written with the present ones in sight.
    LostPastIsSeen,
    /// 5: a refused intent stops all that come after it.
    RefusedStopsAll,
    /// 6: the cursor is committed before the rows it stands for.
    CursorBeforeRows,
    /// 6: what was received is shown before its checkpoint.
    StagedIsShown,
    /// 7: the answer to an older pull is published after a newer one.
    OlderPullWins,
    /// 8: a rebase no longer shows what is accepted and not yet pulled.
    RebaseForgetsAccepted,
    /// 8: a rebase does not run the intents again that were never sent.
    RebaseForgetsPending,
    /// 9: a pull brings what its reader may not see.
    EverybodySeesAll,
    /// 1: who sees more than before is told only what changes from now on.
    SightNotCompared,
    /// 1: who sees only where a row came from is not told that it moved.
    MovesUnsaid,
    /// 12: departures are forgotten, and cursors from before are taken for good.
    ForgottenUnsaid,
    /// 10: rows out of sight stay until the next full pull.
    NothingNarrows,
    /// 1: what comes with a poke is taken although something before it is missing.
    PokesFitAnywhere,
    /// 9: what is one person's own goes to others who see everything.
    OwnIsShown,
    /// 1: who has rows of their own is shown to a segment, which has none.
    OwnForgottenInSegments,
    /// 2: a number that has a receipt is answered with it, whichever copy of the client used it.
    CopyUnnoticed,
    /// 1: a server that was put back from a backup goes on in the epoch of before.
    EpochStays,
    /// 2: what was acknowledged before the server was put back is not sent again.
    AcknowledgedIsSafe,
    /// 2: an answer counts in whichever life of the server it was given.
    AnyLifeCounts,
    /// 2: how long acknowledged intents are kept goes by the tablet's clock.
    OwnClockForgets,
    /// 2: what a person wrote and an accepted change lost is kept nowhere.
    LostWordsForgotten,
    /// 2: words that stand beside those of others count as their author's own.
    JoinedIsOnes,
    /// 2: words that an own change hides count as seen.
    HiddenCountsAsSeen,
    /// 2: an own edit that waits counts as read, and what the server never had as taken out by others.
    OwnPendingIsRead,
    /// 2: what was put off replaces what its author did later.
    OlderOfOnesOwnWins,
    /// 2: what needs attention is taken for settled by a change of one's own that waits.
    ShadowSettles,
    /// 13: what was done at a site goes with it.
    EvidenceGoesWithSite,
    /// 15: the times of changes are taken as the tablet's clock showed them.
    ClockBelieved,
}

thread_local! {
    static BUG: Cell<Option<Bug>> = const { Cell::new(None) };
    static COMMIT: Cell<bool> = const { Cell::new(false) };
}

/// Switches a bug on, or all off, in this thread.
pub fn set(bug: Option<Bug>) {
    BUG.with(|cell| cell.set(bug));
}

/// Whether that bug is switched on in this thread.
pub fn is(bug: Bug) -> bool {
    BUG.with(Cell::get) == Some(bug)
}

/// Commits the transaction under way, early.
pub fn commit_here() {
    COMMIT.with(|cell| cell.set(true));
}

/// Whether the transaction under way shall be committed early; asks once.
pub fn takes_commit() -> bool {
    COMMIT.with(|cell| cell.replace(false))
}
