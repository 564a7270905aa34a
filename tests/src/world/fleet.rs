//! Virtual devices in a process of their own.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::Command,
};

use super::{Child, World, binary, eventually, free_port};

/// A fleet within radio range of the app.
pub struct Fleet {
    child: Child,
    port: u16,
    labels: BTreeMap<String, String>,
}

/// The networks around the devices of a world: `Plant-Floor` wants `press-on-2026`.
pub const NETWORK: (&str, &str) = ("Plant-Floor", "press-on-2026");

impl Fleet {
    /// Ordinary devices of these serials, factory new.
    pub async fn start(world: &World, serials: &[&str]) -> Self {
        let (name, passphrase) = NETWORK;
        let devices = serials.iter().map(|serial| format!("[[device]]\nserial = \"{serial}\"\n"));
        Self::of(world, &format!("[[network]]\nssid = \"{name}\"\npassword = \"{passphrase}\"\n{}", devices.collect::<String>())).await
    }

    /// Devices and networks as a fleet file (TOML) describes them. They reach the server on their own way,
    /// not over the world's network.
    pub async fn of(world: &World, file: &str) -> Self {
        let port = free_port();
        let folder = world.folder().join(format!("fleet-{port}"));
        std::fs::create_dir_all(&folder).expect("a folder for the fleet");
        let plan = folder.join("fleet.toml");
        std::fs::write(&plan, file).expect("a fleet file");
        let mut command = Command::new(binary("omniot-device"));
        command.args(["--control", "--pace=fast", "--listen", &format!("127.0.0.1:{port}")]).arg("--state-dir").arg(&folder).arg("--fleet").arg(&plan);
        let mut child = Child::start(&format!("fleet-{port}"), world.folder(), command);
        let log = eventually("the virtual devices are ready", || {
            child.assert_alive();
            let log = child.log();
            async move { log.contains("omniot-device is ready").then_some(log) }
        })
        .await;
        let labels = log.lines().filter_map(|line| line.split_once('\t')).map(|(serial, label)| (serial.to_owned(), label.to_owned())).collect();
        Self { child, port, labels }
    }

    /// What the app's virtual radio connects to.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The text of the device's label, as a camera would read it.
    #[must_use]
    pub fn label(&self, serial: &str) -> &str {
        self.labels.get(serial).unwrap_or_else(|| panic!("no label of {serial} in the fleet's log:\n{}", self.child.log()))
    }

    /// Tells one device (or `*`) to do something: `faults`, `power_cycle`, `button`, `state` …
    pub async fn control(&self, serial: &str, what: &str, extra: Value) -> Value {
        let mut socket = BufReader::new(TcpStream::connect(self.address()).await.expect("the fleet listens"));
        let mut order = json!({"id": 1, "op": "control", "device": serial, "do": what});
        if let (Some(order), Value::Object(extra)) = (order.as_object_mut(), extra) {
            order.extend(extra);
        }
        socket.write_all(format!("{order}\n").as_bytes()).await.expect("the fleet listens");
        let mut line = String::new();
        socket.read_line(&mut line).await.expect("the fleet answers");
        let answer: Value = serde_json::from_str(&line).unwrap_or_else(|why| panic!("the fleet answers {why}: {line}"));
        assert!(answer.get("ok").is_some(), "the fleet refuses {order}: {answer}");
        answer["ok"].clone()
    }
}
