//! A script of faults: which device gets which, and when. Together with a seed a run can be told and
//! played again.
//!
//! Deliberately not here: faults by chance ([`super::faults::Faults::drawn`]).

use std::{path::Path, sync::Arc, time::Duration};

use serde::Deserialize;

use super::{faults::Faults, fleet::Fleet};

/// What happens, in any order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// Its lines.
    #[serde(default, rename = "fault")]
    pub lines: Vec<Line>,
}

/// One line: from then on these are the faults of that device.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// A serial number, or `*` for all.
    pub device: String,
    /// Milliseconds after the fleet's start.
    #[serde(default)]
    pub after_ms: u64,
    /// In the place of those before; without: none any more.
    #[serde(default)]
    pub faults: Faults,
}

impl Script {
    /// Reads a script, and sees that the fleet has its devices.
    ///
    /// # Errors
    /// In words that name the place.
    pub fn read(path: &Path, fleet: &Fleet) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|why| anyhow::anyhow!("cannot read the script of faults {}: {why}", path.display()))?;
        let mut script: Self = toml::from_str(&text).map_err(|why| anyhow::anyhow!("the script of faults {} is wrong: {why}", path.display()))?;
        if let Some(line) = script.lines.iter().find(|line| fleet.named(&line.device).is_empty()) {
            anyhow::bail!("the script of faults {} names the device {}, which is not in the fleet", path.display(), line.device);
        }
        script.lines.sort_by_key(|line| line.after_ms);
        Ok(script)
    }

    /// Plays it from now on.
    pub async fn play(self, fleet: Arc<Fleet>) {
        let mut passed = 0;
        for line in self.lines {
            tokio::time::sleep(Duration::from_millis(line.after_ms.saturating_sub(passed))).await;
            passed = line.after_ms.max(passed);
            for slot in fleet.named(&line.device) {
                slot.device().faults = line.faults.clone();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::virtual_device::{
        fleet::{FleetFile, Plan},
        timing::Timing,
    };

    fn fleet(dir: &Path) -> Arc<Fleet> {
        Arc::new(Fleet::build(Plan { file: FleetFile::counted(2), seed: 1, state_dir: dir.into(), timing: Timing::FAST, fault_rate: 0 }).unwrap())
    }

    fn read(text: &str, fleet: &Fleet, dir: &Path) -> anyhow::Result<Script> {
        let path = dir.join("script.toml");
        std::fs::write(&path, text).unwrap();
        Script::read(&path, fleet)
    }

    #[tokio::test]
    async fn each_line_comes_at_its_time_and_replaces_what_was() {
        let dir = tempfile::tempdir().unwrap();
        let fleet = fleet(dir.path());
        let text = "[[fault]]\ndevice = \"OM-V0001\"\nafter_ms = 300\n[[fault]]\ndevice = \"*\"\nfaults = { drop_at = 3 }\n";
        let script = read(text, &fleet, dir.path()).unwrap();
        let playing = tokio::spawn(script.play(Arc::clone(&fleet)));
        let drops = || fleet.slots.iter().map(|slot| slot.device().faults.drop_at).collect::<Vec<_>>();
        let first = tokio::time::timeout(Duration::from_secs(5), async {
            while drops() != [Some(3), Some(3)] {
                tokio::task::yield_now().await;
            }
        });
        first.await.expect("the earlier line comes first, wherever it stands");
        playing.await.unwrap();
        assert_eq!(drops(), [None, Some(3)], "the first one is well again");
    }

    #[test]
    fn a_script_that_cannot_be_played_is_refused_with_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let fleet = fleet(dir.path());
        for (text, word) in [("[[fault]]\ndevice = \"OM-V0009\"", "OM-V0009"), ("[[fault]]\ndevice = \"*\"\nfaults = { tea = 1 }", "tea"), ("[[fault]]", "device")] {
            let why = read(text, &fleet, dir.path()).unwrap_err().to_string();
            assert!(why.contains(word), "{why}");
        }
    }
}
