//! Whether what goes over the network costs money, as the system says.
//!
//! On Linux that is `Metered` of NetworkManager on the system's D-Bus: 1 and 3 are yes and "guessed yes", 2 and 4
//! no, 0 unknown. Elsewhere, and where there is no NetworkManager, nothing is known.
//! Deliberately not here: what the app does about it (`sync::wishes`).

use std::sync::Arc;

/// Asks whether the network is metered; `None`: nobody knows. It may block for a second.
pub type Metering = Arc<dyn Fn() -> Option<bool> + Send + Sync>;

/// What this machine's system says.
#[must_use]
pub fn of_system() -> Metering {
    #[cfg(target_os = "linux")]
    return Arc::new(|| network_manager(&dbus::channel::Channel::get_private(dbus::channel::BusType::System).ok()?.into()));
    #[cfg(not(target_os = "linux"))]
    nobody_knows()
}

/// Nothing is known.
#[must_use]
pub fn nobody_knows() -> Metering {
    Arc::new(|| None)
}

#[cfg(target_os = "linux")]
fn network_manager(bus: &dbus::blocking::Connection) -> Option<bool> {
    use dbus::blocking::stdintf::org_freedesktop_dbus::Properties as _;
    const PATIENCE: std::time::Duration = std::time::Duration::from_secs(1);
    let manager = bus.with_proxy("org.freedesktop.NetworkManager", "/org/freedesktop/NetworkManager", PATIENCE);
    let metered: u32 = manager.get("org.freedesktop.NetworkManager", "Metered").ok()?;
    match metered {
        1 | 3 => Some(true),
        2 | 4 => Some(false),
        _ => None,
    }
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::expect_used, clippy::unwrap_used, reason = "in a test, a step that fails is a test that fails")]
mod tests {
    use std::{
        io::{BufRead as _, BufReader},
        process::{Child, Command, Stdio},
        sync::{Arc, atomic::{AtomicU32, Ordering}},
        time::Duration,
    };

    use dbus::{
        arg::Variant,
        blocking::Connection,
        channel::{Channel, MatchingReceiver as _, Sender as _},
        message::MatchRule,
    };

    use super::*;

    /// A bus of its own.
    struct Bus(Child, String);

    impl Bus {
        fn start() -> Self {
            let mut daemon = Command::new("dbus-daemon").args(["--session", "--nofork", "--print-address"]).stdout(Stdio::piped()).spawn().expect("dbus-daemon");
            let mut address = String::new();
            BufReader::new(daemon.stdout.take().unwrap()).read_line(&mut address).unwrap();
            Self(daemon, address.trim().to_owned())
        }

        fn connect(&self) -> Connection {
            let mut channel = Channel::open_private(&self.1).unwrap();
            channel.register().unwrap();
            channel.into()
        }
    }

    impl Drop for Bus {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[test]
    fn what_network_manager_says_is_understood_and_nothing_is_known_without_it() {
        let bus = Bus::start();
        assert_eq!(network_manager(&bus.connect()), None, "nobody is there");
        let says = Arc::new(AtomicU32::new(0));
        let (manager, said) = (bus.connect(), says.clone());
        manager.request_name("org.freedesktop.NetworkManager", false, false, true).unwrap();
        manager.start_receive(MatchRule::new_method_call(), Box::new(move |message, bus| {
            let (interface, property): (String, String) = message.read2().unwrap();
            assert_eq!((interface.as_str(), property.as_str()), ("org.freedesktop.NetworkManager", "Metered"));
            bus.send(message.method_return().append1(Variant(said.load(Ordering::SeqCst)))).unwrap();
            true
        }));
        std::thread::spawn(move || while manager.process(Duration::from_millis(50)).is_ok() {});
        for (value, means) in [(0, None), (1, Some(true)), (2, Some(false)), (3, Some(true)), (4, Some(false))] {
            says.store(value, Ordering::SeqCst);
            assert_eq!(network_manager(&bus.connect()), means, "{value}");
        }
    }
}
