//! What a device says it can: the reply of `proto-ver` (COMMISSIONING.md 2.5).
//!
//! It is not authenticated. It describes; it never lowers the level of security.
//! Deliberately not here: that decision ([`super::level`]).

use serde_json::Value;

/// The request. Never empty: NimBLE ignores an empty write.
pub const REQUEST: &[u8] = b"ESP";

/// What a device says it can.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Version {
    /// E.g. `netprov-v1.2` or `v1.1`.
    pub protocol: String,
    /// 0, 1, 2, or something newer.
    pub scheme: u64,
    /// Patch level of security 2.
    pub patch: u64,
    /// Security 1 without proof of possession.
    pub no_pop: bool,
    /// What else it names.
    pub capabilities: Vec<String>,
}

impl Version {
    /// Reads JSON, or the bare text of very old firmware. `None` when it is neither.
    #[must_use]
    pub fn read(reply: &[u8]) -> Option<Self> {
        if reply.len() > super::REPLY_LIMIT {
            return None;
        }
        let text = std::str::from_utf8(reply).ok()?.trim_matches(|c: char| c == '\0' || c.is_whitespace());
        if text.starts_with('{') {
            return Self::from_json(&serde_json::from_str(text).ok()?);
        }
        let bare = text.len() <= 32 && text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(|c| c.is_ascii_graphic());
        bare.then(|| Self { protocol: text.to_owned(), scheme: 1, ..Self::default() })
    }

    /// Whether it says that it joins Thread networks, and not that it joins Wi-Fi.
    #[must_use]
    pub fn is_thread_only(&self) -> bool {
        self.joins_thread() && !self.can("wifi_prov") && !self.can("wifi_scan")
    }

    /// Whether it says that it joins Thread networks.
    #[must_use]
    pub fn joins_thread(&self) -> bool {
        self.can("thread_prov")
    }

    fn can(&self, name: &str) -> bool {
        self.capabilities.iter().any(|known| known == name)
    }

    fn from_json(json: &Value) -> Option<Self> {
        let prov = json.get("prov")?.as_object()?;
        let list = prov.get("cap").and_then(Value::as_array).into_iter().flatten();
        let capabilities: Vec<String> = list.filter_map(Value::as_str).map(str::to_owned).collect();
        let can = |name: &str| capabilities.iter().any(|known| known == name);
        let scheme = match prov.get("sec_ver") {
            Some(level) => level.as_u64()?,
            None if can("no_sec") => 0,
            None => 1,
        };
        let patch = prov.get("sec_patch_ver").map_or(Some(0), Value::as_u64)?;
        let protocol = prov.get("ver").and_then(Value::as_str).unwrap_or_default().to_owned();
        Some(Self { protocol, scheme: if can("no_sec") { 0 } else { scheme }, patch, no_pop: can("no_pop"), capabilities })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> (u64, u64, bool, String) {
        let version = Version::read(text.as_bytes()).unwrap_or_else(|| panic!("{text}"));
        (version.scheme, version.patch, version.no_pop, version.protocol)
    }

    #[test]
    fn every_form_that_firmware_has_used_is_understood() {
        let new = "{\n\t\"prov\":\t{\n\t\t\"ver\":\t\"netprov-v1.2\",\n\t\t\"sec_ver\":\t2,\n\t\t\"sec_patch_ver\":\t1,\n\t\t\"cap\":\t[\"wifi_prov\", \"wifi_scan\"]\n\t}\n}";
        assert_eq!(read(new), (2, 1, false, "netprov-v1.2".into()));
        assert_eq!(read(r#"{"prov":{"ver":"v1.1","sec_ver":2,"cap":["wifi_scan"]}}"#), (2, 0, false, "v1.1".into()), "no patch is patch 0");
        assert_eq!(read(r#"{"prov":{"ver":"v1.1","cap":["wifi_scan"]}}"#), (1, 0, false, "v1.1".into()), "before IDF 5 it is security 1");
        assert_eq!(read(r#"{"prov":{"ver":"v1.1","cap":["wifi_scan","no_pop"]}}"#), (1, 0, true, "v1.1".into()));
        assert_eq!(read(r#"{"prov":{"ver":"v1.1","sec_ver":1,"cap":["no_sec"]}}"#), (0, 0, false, "v1.1".into()));
        assert_eq!(read(r#"{"rmaker":{"ver":"1.0","cap":["claim"]},"prov":{"ver":"v1.1","sec_ver":1}}"#), (1, 0, false, "v1.1".into()));
        assert_eq!(read("v1.0\0"), (1, 0, false, "v1.0".into()), "very old firmware sends a bare text");
    }

    #[test]
    fn a_device_is_for_thread_only_when_it_names_no_wifi() {
        let is = |cap: &str| Version::read(format!(r#"{{"prov":{{"ver":"netprov-v1.2","sec_ver":2,"cap":[{cap}]}}}}"#).as_bytes()).unwrap().is_thread_only();
        assert!(is(r#""thread_prov","thread_scan""#));
        assert!(!is(r#""wifi_prov","thread_prov""#) && !is(r#""wifi_scan""#) && !is(""));
    }

    #[test]
    fn what_is_neither_json_nor_a_short_text_is_refused() {
        for bad in ["", " \0", "{", "{}", "[1]", r#"{"prov":[]}"#, r#"{"prov":{"sec_ver":"two"}}"#, r#"{"prov":{"sec_ver":-1}}"#, r#"{"prov":{"sec_ver":2,"sec_patch_ver":1.5}}"#, "<html>\nhello"] {
            assert_eq!(Version::read(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(Version::read(&[0xff, 0xfe]), None);
        assert_eq!(Version::read(&[b'v'; 600]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_version_or_none_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = Version::read(&bytes);
        }
    }
}
