//! omniot
fn main() {}
