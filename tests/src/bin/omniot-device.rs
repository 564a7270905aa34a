//! `omniot-device`: a fleet of virtual devices behind the virtual radio's socket.

use std::{io::Write as _, net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use omniot_tests::virtual_device::{
    carrier::{self, Control},
    fleet::{Fleet, FleetFile, Plan},
    http,
    script::Script,
    timing::Timing,
};

/// A fleet of virtual devices.
#[derive(Parser)]
struct Options {
    /// Where the virtual radio listens; loopback only. Port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:7700")]
    listen: SocketAddr,
    /// Where the devices keep what survives a loss of power.
    #[arg(long, default_value = "data/devices")]
    state_dir: PathBuf,
    /// Devices and networks, as TOML.
    #[arg(long, conflicts_with = "count")]
    fleet: Option<PathBuf>,
    /// So many ordinary devices instead of a fleet file.
    #[arg(long, default_value_t = 6)]
    count: u32,
    /// Of the factory's secrets and of chance; a label stays good while it stays the same.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What goes wrong: a number is the share of devices with a fault drawn by the seed, in percent;
    /// anything else is a script of faults, as TOML.
    #[arg(long, default_value = "0", value_parser = wrong)]
    faults: Wrong,
    /// Serve each device over HTTP too, as in SoftAP mode: the first one here, the others at the
    /// ports after it; loopback only. Port 0 takes free ones.
    #[arg(long)]
    http: Option<SocketAddr>,
    /// How long things take.
    #[arg(long, value_enum, default_value_t = Pace::Real)]
    pace: Pace,
    /// Writes the labels to this file, one `serial<TAB>QR text` a line.
    #[arg(long)]
    labels: Option<PathBuf>,
    /// Obey control commands over the socket (tests only).
    #[arg(long)]
    control: bool,
}

#[derive(Clone)]
enum Wrong {
    Drawn(u32),
    Script(PathBuf),
}

fn wrong(text: &str) -> Result<Wrong, String> {
    match text.parse::<u32>() {
        Ok(percent @ 0..=100) => Ok(Wrong::Drawn(percent)),
        Ok(_) => Err("a share is 0 to 100 percent".to_owned()),
        Err(_) => Ok(Wrong::Script(PathBuf::from(text))),
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Pace {
    /// As firmware in the field.
    Real,
    /// For tests.
    Fast,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    for address in [Some(options.listen), options.http].into_iter().flatten() {
        anyhow::ensure!(address.ip().is_loopback(), "{address} is not a loopback address; virtual devices have no protection of their own");
    }
    let file = options.fleet.as_deref().map_or_else(|| Ok(FleetFile::counted(options.count)), FleetFile::read)?;
    let timing = match options.pace {
        Pace::Real => Timing::REAL,
        Pace::Fast => Timing::FAST,
    };
    let plan = Plan { file, seed: options.seed, state_dir: options.state_dir.clone(), timing, fault_rate: match options.faults { Wrong::Drawn(percent) => percent, Wrong::Script(_) => 0 } };
    let fleet = Arc::new(Fleet::build(plan).with_context(|| format!("cannot use the state folder {}", options.state_dir.display()))?);
    if let Wrong::Script(path) = &options.faults {
        tokio::spawn(Script::read(path, &fleet)?.play(Arc::clone(&fleet)));
    }
    let listener = tokio::net::TcpListener::bind(options.listen).await.with_context(|| format!("cannot listen on {}", options.listen))?;
    let labels = fleet.labels().into_iter().map(|(serial, label)| format!("{serial}\t{label}\n")).collect::<String>();
    if let Some(path) = &options.labels {
        std::fs::write(path, &labels).with_context(|| format!("cannot write the labels to {}", path.display()))?;
    }
    let served = match options.http {
        Some(first) => http::serve(&fleet, first).await.with_context(|| format!("cannot listen on {first} and the ports after it"))?,
        None => Vec::new(),
    };
    let mut out = std::io::stdout().lock();
    out.write_all(labels.as_bytes())?;
    for (serial, address) in served {
        writeln!(out, "{serial}\thttp://{address}")?;
    }
    writeln!(out, "omniot-device is ready: {} devices on {}", fleet.slots.len(), listener.local_addr()?)?;
    out.flush()?;
    drop(out);
    let control = if options.control { Control::Allowed } else { Control::Refused };
    tokio::select! {
        served = carrier::serve(listener, fleet, control) => served.context("the socket failed"),
        stopped = tokio::signal::ctrl_c() => stopped.context("cannot wait for Ctrl-C"),
    }
}
