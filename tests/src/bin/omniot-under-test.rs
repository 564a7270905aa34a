//! The server as the tests run it: the same program as `omniot`, built with them. `OMNIOT_PLANTED`
//! names a bug of synchronization that it shall have.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(feature = "attack")]
    plant();
    omniot_backend::cli::main()
}

#[cfg(feature = "attack")]
#[allow(clippy::disallowed_methods, clippy::expect_used, reason = "main reads the environment; a bug that nobody knows is a mistake of the test")]
fn plant() {
    use omniot_backend::sync::seeded::{self, Bug};
    if let Ok(name) = std::env::var("OMNIOT_PLANTED") {
        seeded::plant(Bug::named(&name).expect("a bug of that name"));
    }
}
