//! Which level of security is enough (COMMISSIONING.md 2.15).
//!
//! The level comes from the label, the model or the policy; the air may only raise it.
//! Deliberately not here: the handshakes.

use omniot_shared::entities::Security;

use super::version::Version;

/// Where the proof of possession comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PopSource {
    /// Scanned, with that many bits at least.
    Label(u32),
    /// Typed by the technician.
    Typed,
    /// There is none.
    None,
}

/// Who uses the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// A technician.
    #[default]
    Field,
    /// A developer on their own bench: devices without protection are allowed.
    Developer,
}

/// What the technician and the record should know about a session that is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Warning {
    /// Security 2 with the repeated nonce: update the firmware first.
    RepeatedNonce,
    /// Security 1 with a secret that can be guessed offline.
    WeakPop,
    /// Nothing proves that this is the device of the label.
    NoPop,
    /// Nothing is encrypted.
    NoEncryption,
}

impl Warning {
    /// The code in the API and in records.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::RepeatedNonce => "security_repeated_nonce",
            Self::WeakPop => "security_weak_pop",
            Self::NoPop => "security_no_pop",
            Self::NoEncryption => "security_none",
        }
    }
}

/// Why a device is not spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It offers less than the label, the model or the policy demands.
    #[error("the device offers less protection than it should")]
    Downgrade,
    /// It offers a level that only a developer may use.
    #[error("the device has no protection")]
    Unprotected,
    /// A scheme that this app does not know.
    #[error("the device speaks a newer protocol")]
    Unknown,
}

/// The level that a label's number pins.
#[must_use]
pub const fn of_label(level: u8) -> Security {
    match level {
        0 => Security::Sec0,
        1 => Security::Sec1,
        _ => Security::Sec2Patch0,
    }
}

/// The level that a device offers.
///
/// # Errors
/// `Unknown` for schemes above 2.
pub const fn offered(version: &Version) -> Result<Security, Refused> {
    match (version.scheme, version.patch) {
        (0, _) => Ok(Security::Sec0),
        (1, _) => Ok(Security::Sec1),
        (2, 0) => Ok(Security::Sec2Patch0),
        (2, _) => Ok(Security::Sec2Patch1),
        _ => Err(Refused::Unknown),
    }
}

/// Whether a session at the offered level may begin, and with which warnings.
///
/// # Errors
/// The reason why not.
pub fn judge(version: &Version, pinned: Option<Security>, pop: PopSource, mode: Mode) -> Result<(Security, Vec<Warning>), Refused> {
    let level = offered(version)?;
    if pinned.is_some_and(|pinned| level < pinned) {
        return Err(Refused::Downgrade);
    }
    let open = level == Security::Sec0 || (level == Security::Sec1 && version.no_pop);
    if open && pinned.is_some() && !matches!(pop, PopSource::None) {
        return Err(Refused::Downgrade);
    }
    if open && mode == Mode::Field {
        return Err(Refused::Unprotected);
    }
    let warning = match (level, pop) {
        (Security::Sec0, _) => Some(Warning::NoEncryption),
        (Security::Sec1, _) if version.no_pop => Some(Warning::NoPop),
        (Security::Sec1, PopSource::Label(bits)) if bits >= 64 => None,
        (Security::Sec1, _) => Some(Warning::WeakPop),
        (Security::Sec2Patch0, _) => Some(Warning::RepeatedNonce),
        (Security::Sec2Patch1, _) => None,
    };
    Ok((level, warning.into_iter().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(scheme: u64, patch: u64, no_pop: bool) -> Version {
        Version { scheme, patch, no_pop, ..Version::default() }
    }

    const STRONG: PopSource = PopSource::Label(80);

    #[test]
    fn the_air_may_raise_the_level_and_never_lower_it() {
        let levels = [(0, 0, Security::Sec0), (1, 0, Security::Sec1), (2, 0, Security::Sec2Patch0), (2, 1, Security::Sec2Patch1)];
        for (scheme, patch, level) in levels {
            for (.., pinned) in levels {
                let judged = judge(&version(scheme, patch, false), Some(pinned), PopSource::None, Mode::Developer);
                if level < pinned {
                    assert_eq!(judged, Err(Refused::Downgrade), "{level:?} below {pinned:?}");
                } else {
                    assert_eq!(judged.map(|(level, _)| level), Ok(level), "{level:?} at {pinned:?}");
                }
            }
        }
    }

    #[test]
    fn an_unprotected_device_is_for_developers_only() {
        for open in [version(0, 0, false), version(1, 0, true)] {
            assert_eq!(judge(&open, None, PopSource::None, Mode::Field), Err(Refused::Unprotected));
            assert!(judge(&open, None, PopSource::None, Mode::Developer).is_ok());
        }
    }

    #[test]
    fn a_label_with_a_secret_is_not_ignored_because_the_air_says_no_pop() {
        let judged = judge(&version(1, 0, true), Some(Security::Sec1), STRONG, Mode::Developer);
        assert_eq!(judged, Err(Refused::Downgrade), "an impostor would get rid of the proof");
    }

    #[test]
    fn each_weakness_that_is_allowed_is_named() {
        let warnings = |version, pop| judge(&version, None, pop, Mode::Developer).map(|(_, warnings)| warnings);
        assert_eq!(warnings(version(2, 1, false), STRONG), Ok(vec![]));
        assert_eq!(warnings(version(2, 0, false), STRONG), Ok(vec![Warning::RepeatedNonce]));
        assert_eq!(warnings(version(1, 0, false), STRONG), Ok(vec![]));
        assert_eq!(warnings(version(1, 0, false), PopSource::Label(32)), Ok(vec![Warning::WeakPop]));
        assert_eq!(warnings(version(1, 0, false), PopSource::Typed), Ok(vec![Warning::WeakPop]));
        assert_eq!(warnings(version(1, 0, true), PopSource::None), Ok(vec![Warning::NoPop]));
        assert_eq!(warnings(version(0, 0, false), PopSource::None), Ok(vec![Warning::NoEncryption]));
        assert_eq!(warnings(version(3, 0, false), STRONG), Err(Refused::Unknown));
    }
}
