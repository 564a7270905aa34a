//! The app without a window: each line of standard input is a request, each line of standard output its reply. The
//! method `PANIC` ends it as a fault of its own would.

use std::{
    io::{Write, stdin, stdout},
    path::PathBuf,
    time::Duration,
};

use omniot_app::{App, Config, RadioChoice};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Question {
    method: String,
    path: String,
    body: Option<Value>,
}

fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).with_writer(std::io::stderr).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let app = runtime.block_on(App::open(config()?))?;
    for line in stdin().lines() {
        let Question { method, path, body } = serde_json::from_str(&line?)?;
        if method == "PANIC" {
            panic!("a crash, as a test asked for it");
        }
        let reply = runtime.block_on(app.request(&method, &path, body));
        let mut answers = stdout().lock();
        writeln!(answers, "{}", serde_json::to_string(&reply)?)?;
        answers.flush()?;
    }
    runtime.block_on(app.close());
    Ok(())
}

#[allow(clippy::disallowed_methods, reason = "main reads the environment")]
fn config() -> anyhow::Result<Config> {
    let mut config = Config::new(PathBuf::from(std::env::var("OMNIOT_APP_DATA")?));
    config.default_server = std::env::var("OMNIOT_SERVER").ok();
    config.radio = std::env::var("OMNIOT_VIRTUAL_RADIO").map_or(RadioChoice::None, RadioChoice::Virtual);
    // Longer than a virtual device takes to join, and not as long as one that never does is waited for.
    config.pace.join = Duration::from_secs(15);
    Ok(config)
}
