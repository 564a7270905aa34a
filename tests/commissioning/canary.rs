//! Secrets stay where they belong.

use std::{
    io,
    sync::{Arc, Mutex},
};

use omniot_shared::entities::Security;
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use crate::bench::{Bench, SITE, SSID, device};

#[derive(Clone, Default)]
struct Pages(Arc<Mutex<Vec<u8>>>);

impl io::Write for Pages {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Pages {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn pop_and_passphrase_are_in_no_record_no_log_and_no_answer() {
    let pages = Pages::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(pages.clone()).finish();
    // For the whole process: what the other tests say is searched too.
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    let pop = bench.fleet.slots[0].device().factory().pop.clone();
    let mut answers = Vec::new();
    let mut ask = async |path: String, body: Value| {
        let answer = bench.ask("POST", &path, body).await;
        answers.push(answer.body.to_string());
        answer.body
    };
    let wrong = json!({"label": bench.label("OM-0001"), "pop": "canary-wrong-pop", "site_id": SITE});
    let begun = ask("/app/commissions".into(), wrong).await;
    let id = begun["id"].as_str().unwrap().to_owned();
    bench.until("needs_pop").await;
    ask(format!("/app/commissions/{id}/pop"), json!({"pop": 7, "canary-field": pop})).await;
    ask(format!("/app/commissions/{id}/pop"), json!({"pop": pop})).await;
    bench.until("needs_network").await;
    ask(format!("/app/commissions/{id}/network"), json!({"ssid": SSID, "passphrase": "canary"})).await;
    ask(format!("/app/commissions/{id}/network"), json!({"ssid": SSID, "passphrase": "canary-wrong-passphrase"})).await;
    bench.until("needs_network").await;
    ask(format!("/app/commissions/{id}/network"), json!({"ssid": SSID, "passphrase": crate::bench::PASSPHRASE, "remember": true})).await;
    answers.push(bench.until("succeeded").await.to_string());

    let log = String::from_utf8(pages.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("commissioning step ended"), "the log was listened to");
    let stored = bench.ledger.books().written.join("\n");
    assert!(stored.contains(SSID), "the name of the network is recorded");
    for secret in [pop.as_str(), "canary-wrong-pop", "canary-wrong-passphrase", crate::bench::PASSPHRASE] {
        for (place, text) in [("log", &log), ("store", &stored), ("answers", &answers.join("\n"))] {
            assert!(!text.contains(secret), "a secret is in the {place}");
        }
    }
}
