//! Facts about chunks: nothing is lost, nothing is counted twice, nothing crashes.

use proptest::{collection::vec, prelude::*};

use super::*;

fn sample() -> impl Strategy<Value = Sample> {
    prop_oneof![
        3 => (-4_000_i32..4_000).prop_map(|tenths| Sample::Number(f64::from(tenths) / 10.0)),
        1 => prop::num::f64::NORMAL.prop_map(Sample::Number),
        1 => any::<i64>().prop_map(|number| Sample::Number(number as f64)),
        1 => Just(Sample::Number(-0.0)),
        1 => any::<bool>().prop_map(Sample::Flag),
    ]
}

fn readings() -> impl Strategy<Value = Vec<(usize, u16, Sample)>> {
    vec((0..4_usize, 0..STEPS, sample()), 0..200)
}

fn chunk_of(readings: &[(usize, u16, Sample)]) -> Chunk {
    let mut chunk = Chunk::default();
    for (metric, step, sample) in readings {
        chunk.add(["temperature_c", "mains", "a.b", "z"][*metric], *step, *sample);
    }
    chunk
}

/// The bits of every value: -0 is not 0.
fn bits(chunk: &Chunk) -> Vec<(String, bool, Vec<u16>, Vec<u64>)> {
    chunk.columns().map(|(metric, column)| (metric.to_owned(), column.is_flag(), column.steps().to_vec(), column.values().iter().map(|value| value.to_bits()).collect())).collect()
}

proptest! {
    #[test]
    fn what_is_written_is_read_to_the_last_bit(readings in readings()) {
        let chunk = chunk_of(&readings);
        let read = Chunk::decode(&chunk.encode()).unwrap();
        prop_assert_eq!(bits(&read), bits(&chunk));
        prop_assert_eq!(read.encode(), chunk.encode());
    }

    #[test]
    fn the_same_readings_again_change_nothing(readings in readings(), again in vec(any::<prop::sample::Index>(), 0..40)) {
        let mut chunk = chunk_of(&readings);
        let before = chunk.encode();
        for index in again.iter().filter(|_| !readings.is_empty()) {
            let (metric, step, sample) = readings[index.index(readings.len())];
            prop_assert!(!chunk.add(["temperature_c", "mains", "a.b", "z"][metric], step, sample));
        }
        prop_assert_eq!(chunk.encode(), before);
    }

    #[test]
    fn the_order_in_which_readings_come_does_not_matter(steps in prop::collection::btree_set(0..STEPS, 0..120).prop_map(|set| set.into_iter().collect::<Vec<_>>()).prop_shuffle()) {
        let of = |steps: &[u16]| {
            let mut chunk = Chunk::default();
            steps.iter().for_each(|step| assert!(chunk.add("t", *step, Sample::Number(f64::from(*step)))));
            chunk.encode()
        };
        let mut sorted = steps.clone();
        sorted.sort_unstable();
        prop_assert_eq!(of(&steps), of(&sorted));
    }

    #[test]
    fn bytes_that_are_none_of_ours_are_refused_and_nothing_crashes(readings in readings(), bytes in vec(any::<u8>(), 0..60), at in any::<prop::sample::Index>()) {
        let _ = Chunk::decode(&bytes);
        let mut twisted = chunk_of(&readings).encode();
        prop_assert_eq!(Chunk::decode(&[twisted.as_slice(), &[0]].concat()), Err(Unreadable));
        let at = at.index(twisted.len());
        prop_assert!(Chunk::decode(&twisted[..at]).is_err());
        twisted[at] ^= 0x55;
        let _ = Chunk::decode(&twisted);
    }
}

#[test]
fn a_count_that_promises_more_than_there_is_reserves_nothing() {
    assert_eq!(Chunk::decode(&[1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]), Err(Unreadable));
    assert_eq!(Chunk::decode(&[1, 0, 0xff, 0xff, 0xff, 0xff, 0x7f]), Err(Unreadable));
    assert_eq!(Chunk::decode(&[]), Err(Unreadable));
}

#[test]
fn what_stands_is_never_changed_and_a_metric_keeps_its_kind_for_the_hour() {
    let mut chunk = Chunk::default();
    assert!(chunk.add("door", 3, Sample::Flag(true)));
    assert!(!chunk.add("door", 3, Sample::Flag(false)), "the step is taken");
    assert!(!chunk.add("door", 4, Sample::Number(1.0)), "it is a flag in this hour");
    assert!(!chunk.add("t", STEPS, Sample::Number(1.0)) && !chunk.add("t", 1, Sample::Number(f64::NAN)));
    assert_eq!((chunk.readings(), chunk.columns().count()), (1, 1), "what was refused leaves no empty column");
}

#[test]
fn an_hour_is_sealed_six_hours_after_its_end() {
    let hour = hour_of(Millis(1_790_000_000_000));
    assert_eq!((hour.0 % HOUR_MS, step_of(hour), step_of(hour.plus(HOUR_MS - 1))), (0, 0, STEPS - 1));
    assert!(!is_sealed(hour, hour.plus(7 * HOUR_MS - 1)));
    assert!(is_sealed(hour, hour.plus(7 * HOUR_MS)));
    assert_eq!(hour_of(Millis(-1)), Millis(-HOUR_MS));
}

/// Five metrics of an ordinary sensor, a reading of each every ten seconds or every minute.
#[test]
fn a_reading_takes_less_than_two_bytes() {
    for (every, most) in [(1, 1.3), (6, 1.8)] {
        let mut chunk = Chunk::default();
        for step in (0..STEPS).step_by(every) {
            let wave = (f64::from(step) / 40.0).sin();
            chunk.add("temperature_c", step, Sample::Number((215.0 + 30.0 * wave).round() / 10.0));
            chunk.add("humidity_pct", step, Sample::Number((45.0 + 8.0 * wave).round()));
            chunk.add("battery_pct", step, Sample::Number(97.0));
            chunk.add("mains", step, Sample::Flag(true));
            chunk.add("supply_v", step, Sample::Number((2300.0 + 4.0 * wave).round() / 10.0));
        }
        let (bytes, readings) = (chunk.encode().len(), chunk.readings());
        assert!(bytes as f64 / readings as f64 <= most, "{bytes} bytes for {readings} readings");
    }
}

#[test]
fn a_stretch_is_the_last_day_unless_it_is_said_and_never_endless() {
    let now = Millis(HOUR_MS * 1000 + 5);
    let day_ago = hour_of(now.plus(-WINDOW_MS));
    for (from, to, wanted) in [
        (None, None, Some((day_ago, now))),
        (Some(now.plus(-HOUR_MS)), None, Some((hour_of(now.plus(-HOUR_MS)), now))),
        (None, Some(Millis(WINDOW_MS)), Some((Millis(0), Millis(WINDOW_MS)))),
        (Some(Millis(0)), None, Some((Millis(0), Millis(WINDOW_MS)))),
        (Some(now), Some(now.plus(-1)), None),
        (Some(Millis(0)), Some(now), None),
        (Some(Millis(i64::MIN)), Some(Millis(i64::MAX)), None),
    ] {
        assert_eq!(stretch(from, to, now), wanted, "{from:?} to {to:?}");
    }
}
