//! What a poke brings with it: a small change as a pull would bring it, made once for all who listen.
//!
//! Only those who see everything are told; whoever is limited to sites pulls. Deliberately not here: who
//! listens (`stream`), and what other processes commit, which is poked without.

use std::sync::Arc;

use omniot_shared::{
    ids::PersonId,
    sync::{
        Checksum,
        client::Delta,
        wire::{Begin, Checkpoint, Frame, MAX_POKE_BYTES, Poke},
    },
};

use crate::db::News;

/// So many changes are looked at; more do not fit.
pub const MOST: usize = 64;

/// A poke with these changes, in order of sequence, and whose own rows changed beside them; `None` where it would
/// be too long.
#[must_use]
pub fn of(begin: Begin, deltas: Vec<Delta>, checksum: Checksum, own_of: Option<PersonId>) -> Option<Arc<News>> {
    let (scope, from, seq) = (begin.scope, begin.from.0, begin.to);
    let mut frames = vec![Frame::Begin(begin)];
    for delta in deltas {
        match (frames.last_mut(), delta) {
            (Some(Frame::Rows(rows)), Delta::Row(row)) => rows.push(row),
            (Some(Frame::Gone(all)), Delta::Gone(gone)) => all.push(gone),
            (_, Delta::Row(row)) => frames.push(Frame::Rows(vec![row])),
            (_, Delta::Gone(gone)) => frames.push(Frame::Gone(vec![gone])),
        }
    }
    frames.push(Frame::Checkpoint(Checkpoint { scope, seq, checksum, own: None }));
    let poke = serde_json::to_string(&Poke { seq, frames }).ok()?;
    (poke.len() <= MAX_POKE_BYTES).then(|| Arc::new(News { from, own_of, poke }))
}
