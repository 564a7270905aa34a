//! The server as the tests run it: the same program as `omniot`, built with them.

use std::process::ExitCode;

fn main() -> ExitCode {
    omniot_backend::cli::main()
}
