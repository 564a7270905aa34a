//! The steps of a commission, in their order.

use serde::{Deserialize, Serialize};

macro_rules! steps {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        /// One step. The order of the variants is the order of the work.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Step {
            $($(#[$doc])* $variant,)*
        }

        impl Step {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in the API and in records.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

steps! {
    /// Find the device in the air and open a link.
    Connect = "connect";
    /// Find its endpoints.
    Discover = "discover";
    /// Ask what it can, and judge its level of security.
    Version = "version";
    /// Agree on a session key with proof of possession.
    Handshake = "handshake";
    /// Let it prove which device it is.
    Identity = "identity";
    /// Let it show itself to the technician.
    Identify = "identify";
    /// Give it to this tenant.
    Claim = "claim";
    /// Ask which networks it sees.
    ScanNetworks = "scan_networks";
    /// Hand over the network.
    SetNetwork = "set_network";
    /// Let it join.
    Apply = "apply";
    /// Wait until it has joined.
    Join = "join";
    /// Wait until the server has seen it.
    Cloud = "cloud";
}

impl Step {
    /// Whether another network can be given when this step failed.
    #[must_use]
    pub const fn takes_network(self) -> bool {
        matches!(self, Self::SetNetwork | Self::Apply | Self::Join)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_on_the_wire_are_those_of_serde() {
        for step in Step::ALL {
            assert_eq!(serde_json::to_value(step).unwrap(), step.name());
        }
        assert!(Step::Claim < Step::SetNetwork && Step::SetNetwork < Step::Join);
    }
}
