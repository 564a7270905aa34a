//! The measurements of docs/PERFORMANCE.md, as ratios within one run on one machine.
//!
//! Each prints a line a reader can check by hand: what was done, how often, the ratio or the
//! percentile, and the mark it should reach. Nothing here fails a build.
//! Deliberately not here: timed unit tests.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout, reason = "a measurement that cannot be made says so and stops")]

pub mod first_sync;
pub mod load;
pub mod provision;
pub mod scoped_read;

/// The value below which `share` (0–1) of `samples` lie.
///
/// # Panics
/// Without samples.
#[must_use]
pub fn percentile(samples: &mut [f64], share: f64) -> f64 {
    assert!(!samples.is_empty(), "nothing was measured");
    samples.sort_by(f64::total_cmp);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "an index into a short list")]
    let at = ((samples.len() - 1) as f64 * share).round() as usize;
    samples[at]
}

/// One line of the report.
pub fn report(what: &str, figure: &str, mark: &str) {
    println!("{what:<64} {figure:<30} {mark}");
}
