//! A client's store: what a pull brings, staged or published, and the end of access.
//!
//! Deliberately not here: the outbox, which is [`State::recorded`] without [`State::heard`].
//!
//! [`State::recorded`]: super::State::recorded
//! [`State::heard`]: super::State::heard

use super::{
    Flaw,
    state::{Changes, Client, Deltas, Place, ROWS, Rows, Staged},
};

impl Client {
    /// Where it stands.
    pub fn place(&self) -> Place {
        Place { epoch: self.epoch, cursor: self.cursor, staged: self.staged.map(|staged| (staged.cursor, staged.fresh)) }
    }

    /// Whether this answer still fits (`Pull::still_fits` in the core).
    pub fn awaits(&self, changes: &Changes, flaw: Option<Flaw>) -> bool {
        let may = !self.ended || flaw == Some(Flaw::LateRowsComeBack);
        may && (self.place() == changes.asked || flaw == Some(Flaw::OlderPullWins))
    }

    /// Keeps what came up to `reached`, unpublished.
    pub fn stage(&mut self, changes: &Changes, reached: u8, flaw: Option<Flaw>) {
        if !self.awaits(changes, flaw) {
            return;
        }
        let came = changes.deltas.map(|delta| if delta.unsigned_abs() <= reached { delta } else { 0 });
        let fresh = changes.fresh || self.staged.is_some_and(|staged| staged.fresh);
        self.staged = Some(Staged { cursor: reached, fresh, deltas: self.with_staged(came, changes.fresh, flaw) });
    }

    /// Rows, departures and cursor in one transaction.
    pub fn publish(&mut self, changes: &Changes, flaw: Option<Flaw>) {
        if !self.awaits(changes, flaw) {
            return;
        }
        let fresh = changes.fresh || self.staged.is_some_and(|staged| staged.fresh);
        let deltas = self.with_staged(changes.deltas, changes.fresh, flaw);
        self.rows = laid(if fresh { [0; ROWS] } else { self.rows }, deltas);
        self.stand_at(changes.until);
    }

    /// With a flaw: the cursor of a checkpoint, not its rows.
    pub fn publish_cursor_alone(&mut self, changes: &Changes) {
        if self.awaits(changes, None) {
            self.stand_at(changes.until);
        }
    }

    fn stand_at(&mut self, cursor: u8) {
        self.staged = None;
        self.epoch = 1;
        self.cursor = cursor;
        self.high = self.high.max(cursor);
    }

    /// What was staged and then what came; an answer that begins anew replaces it.
    fn with_staged(&self, came: Deltas, anew: bool, flaw: Option<Flaw>) -> Deltas {
        match self.staged {
            Some(staged) if !anew || flaw == Some(Flaw::FreshAddsToStaged) => std::array::from_fn(|row| if came[row] == 0 { staged.deltas[row] } else { came[row] }),
            _ => came,
        }
    }

    /// Access has ended: nothing of it is kept but the outbox.
    pub fn end(&mut self, flaw: Option<Flaw>) {
        let rows = if flaw == Some(Flaw::RowsOutliveAccess) { self.rows } else { [0; ROWS] };
        *self = Self { ended: true, rows, stuck: self.stuck, ..Self::default() };
    }
}

fn laid(rows: Rows, deltas: Deltas) -> Rows {
    std::array::from_fn(|row| match deltas[row] {
        0 => rows[row],
        delta => u8::try_from(delta).unwrap_or(0),
    })
}
