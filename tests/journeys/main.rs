//! Stories over the whole platform, on both engines.
//!
//! `spine`: the app without a window, fast enough for every commit. `window`: the same story in the real
//! window, with staff in Chromium.
//! Deliberately not here: single features (they test themselves).

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "in a test, a step that fails is a test that fails")]

mod browser;
mod checklist;
mod checks;
mod fifty;
mod handover;
mod lock;
mod out_of_order;
mod secrets;
mod spine;
mod technician;
mod window;
