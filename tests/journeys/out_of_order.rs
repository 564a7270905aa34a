//! What may be wrong with a device of a long visit, and how it ends then.

use rand::{RngExt as _, seq::SliceRandom as _};
use rand_chacha::ChaCha20Rng;
use serde_json::{Value, json};

/// What is wrong with a device.
pub struct Trouble {
    /// As the control command `faults` takes it.
    pub faults: Value,
    /// What the device is said to be failing with; nothing: it can be done all the same.
    pub causes: &'static [&'static str],
    /// It is in its network, and nobody believes it: its silence after a death may.
    pub may_be_guessed: bool,
    /// Once it is mended it is in its network and silent: somebody has to press its button.
    pub needs_button: bool,
}

/// How many sorts there are.
pub const SORTS: usize = 26;
/// Each of them fails, at once.
const OTHER_KEY: usize = 0;
/// Those that take half a minute or more, because a deadline has to pass, mostly several times.
const SLOW: [usize; 4] = [1, 2, 6, 10];

/// Which sorts `count` devices have: each its own as long as there are enough, the slow ones only where all have a place.
/// The first one always fails.
pub fn sorts(count: usize, rng: &mut ChaCha20Rng) -> Vec<usize> {
    let mut others: Vec<usize> = (0..SORTS).filter(|sort| *sort != OTHER_KEY && (count >= SORTS || !SLOW.contains(sort))).collect();
    others.shuffle(rng);
    std::iter::once(OTHER_KEY).chain(others).cycle().take(count).collect()
}

/// One device of that sort.
pub fn trouble(sort: usize, rng: &mut ChaCha20Rng) -> Trouble {
    let can_be_done = |faults: Value| Trouble { faults, causes: &[], may_be_guessed: false, needs_button: false };
    let fails = |faults: Value, causes: &'static [&'static str]| Trouble { faults, causes, may_be_guessed: false, needs_button: false };
    match sort {
        OTHER_KEY => fails(json!({"wrong_key": true}), &["identity_mismatch", "identity_invalid"]),
        1 => fails(json!({"silent": true}), &["no_answer"]),
        2 => can_be_done(json!({"endless_scan": true})),
        3 => fails(json!({"wrong_pop": true}), &["wrong_pop", "too_many_wrong_pops"]),
        4 => fails(json!({"wrong_password": true}), &["wrong_password"]),
        5 => fails(json!({"no_network": true}), &["network_not_found"]),
        6 => Trouble { needs_button: true, ..fails(json!({"no_address": true}), &["no_address"]) },
        7 => fails(json!({"refuse_network": true}), &["network_refused"]),
        8 => fails(json!({"downgrade": "sec1"}), &["downgrade_refused"]),
        9 => fails(json!({"odd_serial": true}), &["identity_mismatch", "identity_invalid"]),
        10 => {
            let lie = ["empty", "truncated"][rng.random_range(0..2)];
            Trouble { may_be_guessed: true, needs_button: true, ..fails(json!({"false_success": lie}), &["false_success", "invalid_reply", "not_advertising"]) }
        }
        11 => hostile(["empty_handshake", "echo", "garbage", "empty_replies", "short_replies"][rng.random_range(0..5)], &["invalid_reply", "identity_invalid"]),
        12 => hostile("zero_key", &["device_unproven"]),
        13 => hostile(["other_receipt", "old_receipt"][rng.random_range(0..2)], &["receipt_invalid"]),
        14 => can_be_done(json!({"att_error_at": rng.random_range(1..40)})),
        15 => can_be_done(json!({"att_error_at": rng.random_range(1..40), "att_code": 5})),
        16 => can_be_done(json!({"att_error_at": rng.random_range(1..40), "att_code": 0x85, "on_android": true})),
        17 => can_be_done(json!({"delay_ms": rng.random_range(20..120)})),
        18 => can_be_done(json!({"mtu": rng.random_range(23..256), "packet_ms": rng.random_range(1..5)})),
        19 => {
            let moment = ["before_store", "torn", "after_store"][rng.random_range(0..3)];
            can_be_done(json!({"power_loss": moment}))
        }
        20 => can_be_done(json!({"no_names": true})),
        21 => can_be_done(json!({"offline": true})),
        22 => can_be_done(json!({"lose_notifications": true, "rssi": -95})),
        23 => can_be_done(json!({"gatt_133": rng.random_range(1..4)})),
        24 => can_be_done(json!({"hci_3e": rng.random_range(1..4)})),
        _ => can_be_done(json!({"drop_at": rng.random_range(1..40)})),
    }
}

fn hostile(how: &str, causes: &'static [&'static str]) -> Trouble {
    Trouble { faults: json!({"hostile": how}), causes, may_be_guessed: false, needs_button: false }
}
