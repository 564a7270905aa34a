//! How long each step may take, and how long to wait between tries.
//!
//! Every step has its own deadline (COMMISSIONING.md 2.11); none is a spinner for ever.
//! Deliberately not here: the time that a person takes, except [`Pace::idle`].

use std::time::Duration;

use super::step::Step;

/// Deadlines and waits. Tests bring a quicker one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pace {
    /// To hear a device that was not heard yet.
    pub find: Duration,
    /// To hear another device of the same name.
    pub find_other: Duration,
    /// From the first failure on to ask the devices of the same name which of them is meant.
    pub search: Duration,
    /// One try to connect.
    pub connect: Duration,
    /// Waits before the second, third and fourth try to connect.
    pub connect_again: Vec<Duration>,
    /// To find its endpoints.
    pub discover: Duration,
    /// `proto-ver`, each chunk of the OmnIoT endpoints, set and apply.
    pub exchange: Duration,
    /// The claim with all its chunks: a slow link with the smallest MTU needs many packets for a long trust anchor.
    pub claim: Duration,
    /// Until somebody has pressed the button of a device that wants it; beside the step's own deadline.
    pub authorize: Duration,
    /// The handshake, with the device's own big numbers.
    pub handshake: Duration,
    /// A Wi-Fi scan with its results.
    pub scan: Duration,
    /// Between two looks at a scan.
    pub scan_poll: Duration,
    /// Joining as a whole.
    pub join: Duration,
    /// From Apply to the first look.
    pub join_first: Duration,
    /// Between two looks at joining.
    pub join_poll: Duration,
    /// Until the server has seen it; later it is deferred.
    pub cloud: Duration,
    /// Between two looks for that.
    pub cloud_poll: Duration,
    /// One write or read; ATT's own limit.
    pub operation: Duration,
    /// Before a record that could not be saved is tried again; longer each time.
    pub record_again: Duration,
    /// Until a commission that waits for a person is closed and recorded.
    pub idle: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            find: seconds(20),
            find_other: seconds(3),
            search: seconds(60),
            connect: seconds(20),
            connect_again: vec![Duration::from_millis(350), seconds(1), seconds(2)],
            discover: seconds(15),
            exchange: seconds(10),
            claim: seconds(60),
            authorize: seconds(120),
            handshake: seconds(30),
            scan: seconds(20),
            scan_poll: Duration::from_millis(500),
            join: seconds(90),
            join_first: seconds(1),
            join_poll: seconds(2),
            cloud: seconds(60),
            cloud_poll: seconds(1),
            operation: seconds(30),
            record_again: seconds(1),
            idle: seconds(600),
        }
    }
}

impl Pace {
    /// The deadline of a step as a whole.
    #[must_use]
    pub fn deadline(&self, step: Step) -> Duration {
        match step {
            // Its parts have deadlines of their own; this is their sum.
            Step::Connect => {
                let tries = u32::try_from(self.connect_again.len()).unwrap_or(0) + 1;
                self.find + self.find_other + self.connect * tries + self.connect_again.iter().sum::<Duration>()
            }
            Step::Discover => self.discover,
            Step::Handshake => self.handshake,
            Step::ScanNetworks => self.scan,
            Step::Join => self.join,
            Step::Cloud => self.cloud,
            Step::Claim => self.claim,
            Step::Version | Step::Identity | Step::Identify | Step::SetNetwork | Step::Apply => self.exchange,
        }
    }
}
