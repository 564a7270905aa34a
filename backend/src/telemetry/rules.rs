//! Which readings go into which hour, and which hours are kept.

use std::collections::BTreeMap;

use omniot_shared::{
    telemetry::{Chunk, HOUR_MS, Sample, hour_of, is_sealed, step_of},
    time::Millis,
};

/// One reading, at a time that is believed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point<'a> {
    /// When it was measured, by the server's clock as near as is known.
    pub at: Millis,
    /// Of what.
    pub metric: &'a str,
    /// What.
    pub sample: Sample,
}

impl Point<'_> {
    /// Keeps it in the chunk of its hour; `false` when that changed nothing.
    pub fn add_to(&self, chunk: &mut Chunk) -> bool {
        chunk.add(self.metric, step_of(self.at), self.sample)
    }
}

/// The points of each hour that still takes them.
pub fn by_hour<'p>(points: &[Point<'p>], now: Millis) -> BTreeMap<Millis, Vec<Point<'p>>> {
    let mut hours: BTreeMap<Millis, Vec<Point<'p>>> = BTreeMap::new();
    for point in points.iter().filter(|point| !is_sealed(hour_of(point.at), now)) {
        hours.entry(hour_of(point.at)).or_default().push(*point);
    }
    hours
}

/// The first hour that is kept.
pub fn kept_since(now: Millis, days: u16) -> Millis {
    hour_of(now.plus(-i64::from(days) * 24 * HOUR_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(HOUR_MS * 1000 + 5);

    fn point(at: Millis) -> Point<'static> {
        Point { at, metric: "t", sample: Sample::Number(1.0) }
    }

    #[test]
    fn readings_go_into_their_hours_and_late_ones_only_while_those_are_not_sealed() {
        let late = [0, 1, 6, 7, 8].map(|hours| point(NOW.plus(-hours * HOUR_MS)));
        let hours: Vec<_> = by_hour(&late, NOW).into_keys().map(|hour| NOW.since(hour) / HOUR_MS).collect();
        assert_eq!(hours, [6, 1, 0], "seven hours ago is sealed");
    }
}
