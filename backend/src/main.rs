//! The binary `omniot`; everything it does is in the library's `cli`.

fn main() -> std::process::ExitCode {
    omniot_backend::cli::main()
}
