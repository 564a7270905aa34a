//! What a device sends into the air (COMMISSIONING.md 2.2), and its table of endpoints (2.3).

use uuid::Uuid;

/// The service of most real products: a copy of the IDF example.
pub const SERVICE: Uuid = Uuid::from_u128(0x021a_9004_0382_4aea_bff4_6b3f_1c5a_dfb4);

/// The service of Improv Wi-Fi.
pub const IMPROV: Uuid = Uuid::from_u128(0x0046_7768_6228_2272_4663_2774_7826_8000);

/// One characteristic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Endpoint {
    /// Reset after a failure.
    Control,
    /// The device's own Wi-Fi scan.
    Scan,
    /// The handshake, in the clear.
    Session,
    /// Credentials and how joining goes.
    Config,
    /// What it speaks, in the clear.
    Version,
    /// Who it is.
    Identity,
    /// Show yourself.
    Identify,
    /// Offline claim.
    Claim,
}

impl Endpoint {
    /// In the order a device lists them: any order is allowed, so not that of the numbers.
    pub const ALL: [Self; 8] = [Self::Session, Self::Version, Self::Claim, Self::Config, Self::Scan, Self::Control, Self::Identity, Self::Identify];

    /// The text of descriptor 0x2901.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Control => "prov-ctrl",
            Self::Scan => "prov-scan",
            Self::Session => "prov-session",
            Self::Config => "prov-config",
            Self::Version => "proto-ver",
            Self::Identity => "omniot-id",
            Self::Identify => "omniot-ident",
            Self::Claim => "omniot-claim",
        }
    }

    /// Bytes 2 and 3 of its UUID.
    const fn suffix(self) -> u128 {
        match self {
            Self::Control => 0xff4f,
            Self::Scan => 0xff50,
            Self::Session => 0xff51,
            Self::Config => 0xff52,
            Self::Version => 0xff53,
            Self::Identity => 0xff54,
            Self::Identify => 0xff55,
            Self::Claim => 0xff56,
        }
    }

    /// Its characteristic.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        Uuid::from_u128(SERVICE.as_u128() & !(0xffff << 96) | self.suffix() << 96)
    }

    /// The endpoint of a characteristic.
    #[must_use]
    pub fn of(uuid: Uuid) -> Option<Self> {
        Self::ALL.into_iter().find(|endpoint| endpoint.uuid() == uuid)
    }
}

/// Advertising data and scan response.
#[must_use]
pub fn packets(service: Uuid, name: &str) -> (Vec<u8>, Vec<u8>) {
    let mut data = vec![0x02, 0x01, 0x06, 0x11, 0x07];
    data.extend(service.as_bytes().iter().rev());
    let name = name.as_bytes().get(..29).unwrap_or(name.as_bytes());
    let mut response = vec![u8::try_from(name.len() + 1).unwrap_or(30), 0x09];
    response.extend_from_slice(name);
    (data, response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packets_are_those_of_a_real_device() {
        let default = Uuid::from_u128(0x1775_244d_6b43_439b_877c_060f_2d9b_ed07);
        let (data, response) = packets(default, "PROV_AABBCC");
        assert_eq!(hex::encode(data), "020106110707ed9b2d0f067c879b43436b4d247517");
        assert_eq!(hex::encode(response), "0c0950524f565f414142424343");
        assert_eq!(packets(default, &"n".repeat(40)).1.len(), 31, "cut to what fits");
    }

    #[test]
    fn an_endpoint_has_the_uuid_that_the_suffix_gives() {
        assert_eq!(Endpoint::Session.uuid().to_string(), "021aff51-0382-4aea-bff4-6b3f1c5adfb4");
        for endpoint in Endpoint::ALL {
            assert_eq!(Endpoint::of(endpoint.uuid()), Some(endpoint));
        }
    }
}
