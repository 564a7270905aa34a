//! The measurements of docs/PERFORMANCE.md, as ratios within one run on one machine.
//!
//! Each prints a line a reader can check by hand: what was done, how often, the ratio or the
//! percentile, and the mark it should reach. Nothing here fails a build.
//! Deliberately not here: timed unit tests.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout, reason = "a measurement that cannot be made says so and stops")]

mod commission;
mod crowd;
mod edits;
mod first_sync;
mod load;
mod provision;
mod scoped_read;
mod stock;

use std::time::Duration;

use omniot_backend::testing::App;

use self::stock::Kind;
use crate::virtual_device::timing::Timing;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Rounds of each comparison; the medians are compared.
    pub rounds: usize,
    /// How long each round of a load lasts.
    pub round: Duration,
    /// Devices of the tenant whose lists are read.
    pub listed: usize,
    /// Devices of the tenant that an app fetches.
    pub synced: usize,
    /// Tenants that are provisioned.
    pub tenants: usize,
    /// Devices of a large tenant that an app fetches.
    pub large: usize,
    /// Edits of a day without a network.
    pub edits: usize,
    /// Edits that another handset waits for, one after the other.
    pub looks: usize,
    /// Clients that pull everything at once.
    pub crowd: usize,
    /// Clients that listen, and tenants with one each.
    pub listeners: usize,
    /// Devices that are commissioned, one after the other.
    pub devices: usize,
    /// How long such a device takes for what it does.
    pub timing: Timing,
    /// Devices in range of one phone.
    pub advertising: usize,
}

impl Effort {
    /// What docs/PERFORMANCE.md shows.
    pub const FULL: Self = Self { rounds: 5, round: Duration::from_millis(1_500), listed: 1_000, synced: 10_000, tenants: 300, large: 100_000, edits: 1_000, looks: 200, crowd: 100, listeners: 1_000, devices: 5, timing: Timing::REAL, advertising: 300 };

    /// Enough to see that the measurements still run.
    pub const GLANCE: Self = Self { rounds: 1, round: Duration::from_millis(50), listed: 60, synced: 600, tenants: 3, large: 700, edits: 20, looks: 3, crowd: 3, listeners: 5, devices: 1, timing: Timing::FAST, advertising: 20 };
}

/// What `make bench` prints, on one engine.
pub async fn measure(app: &App, effort: Effort) {
    scoped_read::measure(app, effort).await;
    provision::measure(app, effort).await;
    first_sync::measure(app, effort, Kind::Devices, effort.synced, "≤ 2").await;
}

/// What `make bench` prints of commissioning, which no engine has a part in.
pub async fn measure_commissioning(app: &App, effort: Effort) {
    commission::measure(app, effort).await;
}

/// What `make bench-sync` prints, on one engine.
pub async fn measure_sync(app: &App, effort: Effort) {
    measure_first_syncs(app, effort).await;
    measure_edits(app, effort).await;
    crowd::measure(app, effort).await;
}

/// The part of it that is about first syncs.
pub async fn measure_first_syncs(app: &App, effort: Effort) {
    for kind in [Kind::Devices, Kind::Sites] {
        first_sync::measure(app, effort, kind, effort.large, "≤ 1.7").await;
    }
}

/// The part of it that is about edits.
pub async fn measure_edits(app: &App, effort: Effort) {
    edits::measure(app, effort).await;
}

/// The value below which `share` (0–1) of `samples` lie.
///
/// # Panics
/// Without samples.
fn percentile(samples: &mut [f64], share: f64) -> f64 {
    assert!(!samples.is_empty(), "nothing was measured");
    samples.sort_by(f64::total_cmp);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "an index into a short list")]
    let at = ((samples.len() - 1) as f64 * share).round() as usize;
    samples[at]
}

/// One line of the report.
fn report(what: &str, figure: &str, mark: &str) {
    println!("{what:<64} {figure:<30} {mark}");
}
