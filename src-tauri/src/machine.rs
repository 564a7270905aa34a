//! On what the app runs, in a few words: `android 14, Google Pixel 7`, `linux, ThinkPad X1`.
//!
//! It stands in each record of a commission, so that staff see which phones have trouble with Bluetooth.
//! Deliberately not here: anything that tells one machine from another of its sort.

use std::process::Command;

/// The longest description, characters.
const LONGEST: usize = 100;

/// The system, its version, and what its maker calls the machine; what is not known is left out.
pub fn described() -> String {
    let (version, machine) = match std::env::consts::OS {
        "android" => {
            let maker = property("ro.product.manufacturer");
            let model = property("ro.product.model");
            (property("ro.build.version.release"), [maker, model].into_iter().flatten().reduce(|maker, model| format!("{maker} {model}")))
        }
        "linux" => (None, std::fs::read_to_string("/sys/devices/virtual/dmi/id/product_name").ok()),
        "macos" | "ios" => (said_by("sw_vers", &["-productVersion"]), said_by("sysctl", &["-n", "hw.model"])),
        _ => (None, None),
    };
    put_together(std::env::consts::OS, version.as_deref(), machine.as_deref())
}

/// A property of Android's.
fn property(name: &str) -> Option<String> {
    said_by("getprop", &[name])
}

/// What a program of the system says; nothing where there is none, or it may not be started.
fn said_by(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}

/// One line, whatever the parts hold.
fn put_together(system: &str, version: Option<&str>, machine: Option<&str>) -> String {
    let clean = |text: &str| text.split_whitespace().map(|word| word.chars().filter(|c| !c.is_control()).collect::<String>()).collect::<Vec<_>>().join(" ");
    let known = |text: Option<&str>| text.map(clean).filter(|text| !text.is_empty());
    let system = known(version).map_or_else(|| system.to_owned(), |version| format!("{system} {version}"));
    let all = known(machine).map_or_else(|| system.clone(), |machine| format!("{system}, {machine}"));
    all.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_described_in_one_short_line() {
        assert_eq!(put_together("android", Some("14\n"), Some("Google  Pixel 7\n")), "android 14, Google Pixel 7");
        assert_eq!(put_together("linux", None, Some(" \n")), "linux");
        assert_eq!(put_together("linux", None, Some("a\u{7}b")), "linux, ab");
        assert_eq!(put_together("ios", None, Some(&"x".repeat(400))).chars().count(), LONGEST);
        let here = described();
        assert!(here.starts_with(std::env::consts::OS) && here.chars().count() <= LONGEST, "{here}");
    }
}
