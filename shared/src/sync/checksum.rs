//! The order-free digest of a scope: how many rows, and a wrapping sum of a mix of each row's
//! table, key and sequence (SYNC.md 1.2 *Checksums*).
//!
//! It catches missing, extra and stale rows at O(1) a change; what rows say is compared on demand
//! ([`Checksum::add_whole`]). Deliberately not here: any secrecy (it is no MAC).

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use sha2::{Digest as _, Sha256};

use super::rows::{RowKey, Seq, SyncedRow, Table};

/// Count and digest of the rows of one scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Checksum {
    /// How many rows.
    pub count: u64,
    /// Sixteen hex digits.
    #[serde(serialize_with = "to_hex", deserialize_with = "from_hex")]
    #[schema(value_type = String, example = "00f1e2d3c4b5a697")]
    pub sum: u64,
}

impl Checksum {
    /// Takes a row in.
    pub fn add(&mut self, key: RowKey, seq: Seq) {
        self.count = self.count.wrapping_add(1);
        self.sum = self.sum.wrapping_add(digest(key, seq));
    }

    /// Takes a row out that was taken in with the same sequence.
    pub fn remove(&mut self, key: RowKey, seq: Seq) {
        self.count = self.count.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(digest(key, seq));
    }

    /// Takes in all rows of another checksum: of other rows.
    pub const fn join(&mut self, other: Self) {
        self.count = self.count.wrapping_add(other.count);
        self.sum = self.sum.wrapping_add(other.sum);
    }

    /// Takes a row in with everything it says, in the JSON of the wire: for comparing two stores on
    /// demand, where [`Checksum::add`] sees keys and sequences only.
    ///
    /// # Errors
    /// When the row has no JSON.
    pub fn add_whole(&mut self, row: &SyncedRow) -> Result<(), serde_json::Error> {
        let digest = Sha256::digest(serde_json::to_vec(row)?);
        let share = digest.iter().take(8).fold(0_u64, |share, byte| share << 8 | u64::from(*byte));
        self.count = self.count.wrapping_add(1);
        self.sum = self.sum.wrapping_add(share);
        Ok(())
    }

    /// The checksum of these rows.
    pub fn of(rows: impl IntoIterator<Item = (RowKey, Seq)>) -> Self {
        let mut checksum = Self::default();
        for (key, seq) in rows {
            checksum.add(key, seq);
        }
        checksum
    }
}

/// One row's share: both sides and all versions must agree on it for ever.
fn digest(key: RowKey, seq: Seq) -> u64 {
    let table: u64 = match key.table {
        Table::Site => 1,
        Table::Model => 2,
        Table::Device => 3,
        Table::Attempt => 4,
        Table::Bookmark => 5,
    };
    let (high, low) = key.id.as_u64_pair();
    [table, high, low, seq.0.cast_unsigned()].into_iter().fold(0x6f6d_6e69_6f74, |state, word| mix(state ^ word))
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood 2014), after its increment.
const fn mix(word: u64) -> u64 {
    let mut z = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn to_hex<S: Serializer>(sum: &u64, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(&format_args!("{sum:016x}"))
}

fn from_hex<'de, D: Deserializer<'de>>(d: D) -> Result<u64, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
    u64::from_str_radix(&text, 16).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn key(n: u128) -> RowKey {
        RowKey { table: Table::Device, id: Uuid::from_u128(n) }
    }

    #[test]
    fn order_does_not_matter_and_removing_undoes_adding() {
        let rows = [(key(1), Seq(1)), (key(2), Seq(2)), (key(3), Seq(3))];
        let mut sum = Checksum::of(rows);
        assert_eq!(sum, Checksum::of(rows.into_iter().rev()));
        sum.remove(key(2), Seq(2));
        assert_eq!(sum, Checksum::of([rows[0], rows[2]]));
    }

    #[test]
    fn a_missing_an_extra_a_stale_and_a_misplaced_row_show() {
        let good = Checksum::of([(key(1), Seq(1)), (key(2), Seq(2))]);
        let site = RowKey { table: Table::Site, id: Uuid::from_u128(2) };
        for bad in [
            Checksum::of([(key(1), Seq(1))]),
            Checksum::of([(key(1), Seq(1)), (key(2), Seq(2)), (key(3), Seq(3))]),
            Checksum::of([(key(1), Seq(1)), (key(2), Seq(1))]),
            Checksum::of([(key(1), Seq(2)), (key(2), Seq(1))]),
            Checksum::of([(key(1), Seq(1)), (site, Seq(2))]),
        ] {
            assert_ne!(bad, good);
        }
    }

    #[test]
    fn the_digest_stays_what_stored_replicas_hold() {
        let sum = Checksum::of([(key(7), Seq(11))]);
        assert_eq!(serde_json::to_string(&sum).unwrap(), r#"{"count":1,"sum":"c6fa0267a6c414b0"}"#);
    }
}
