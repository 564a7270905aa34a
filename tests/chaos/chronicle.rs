//! What was done to whom and when, to be read when a run fails.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest as _, Sha256};

/// The notes of one run.
pub struct Chronicle {
    seed: u64,
    began: Instant,
    notes: Mutex<Vec<(Duration, String)>>,
}

impl Chronicle {
    /// Of the run with that seed.
    pub fn of(seed: u64) -> Self {
        Self { seed, began: Instant::now(), notes: Mutex::default() }
    }

    /// Takes a note.
    pub fn note(&self, text: impl Into<String>) {
        self.notes.lock().unwrap().push((self.began.elapsed(), text.into()));
    }

    /// All notes, one a line.
    pub fn told(&self) -> String {
        let notes = self.notes.lock().unwrap();
        notes.iter().map(|(at, text)| format!("{:8.3} s  {text}\n", at.as_secs_f64())).collect()
    }

    /// How many notes speak of that.
    pub fn count(&self, word: &str) -> usize {
        self.notes.lock().unwrap().iter().filter(|(_, text)| text.contains(word)).count()
    }

    /// The chance of one part of the run: the same for the same seed, whatever the other parts draw.
    pub fn chance(&self, part: &str) -> ChaCha8Rng {
        let mut hash = Sha256::new();
        hash.update(self.seed.to_le_bytes());
        hash.update(part);
        ChaCha8Rng::from_seed(hash.finalize().into())
    }
}
