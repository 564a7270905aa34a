//! An account without an app around it, and a server that answers as a test wants.

use std::{path::Path, sync::Arc, time::Duration};

use omniot_shared::{
    attachment::Kind,
    entities::{Attempt, AttemptOutcome},
    ids::{AttemptId, ClientId, PersonId, SiteId, TenantId},
    roles::Role,
    sync::{Row, Seq, SyncedRow},
    time::{Millis, SystemClock},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use uuid::Uuid;

use crate::{
    accounts::{Account, AccountId, Card, Me, Person, Surroundings, Tenant},
    events::Events,
    store::attachments::File,
    transport::{Origin, Server},
};

/// An owner's account at that server, signed in.
pub fn account(folder: &Path, server: &str) -> Arc<Account> {
    let origin = Origin::read(server).unwrap();
    let (tenant, person) = (TenantId(Uuid::from_u128(1)), PersonId(Uuid::from_u128(2)));
    let me = Me {
        person: Person { id: person, name: "Tess".into(), email: "t@example.com".into(), role: Role::Owner },
        tenant: Tenant { id: tenant, name: "acme".into(), display_name: "Acme".into(), offline_days: 14 },
        permissions: vec![], everywhere: true,
        brand: serde_json::Value::Null,
    };
    let card = Card { id: AccountId::of(&origin, tenant, person), server: origin.clone(), me, added_at: Millis(1) };
    let around = Surroundings { events: Events::default(), clock: Arc::new(SystemClock), version: "1".into(), metered: crate::transport::metered::nobody_knows(), large: 10_000 };
    let token = Some(zeroize::Zeroizing::new("omt_x".to_owned()));
    Arc::new(Account::open(folder, &card, Server::at(&origin, "1").unwrap(), token, &around).unwrap())
}

/// An attempt at that site, as the server has it at `seq`.
pub fn attempt(n: u128, site: SiteId, seq: i64) -> SyncedRow {
    let attempt = Attempt {
        id: AttemptId(Uuid::from_u128(n)), device_id: None, serial: None, site_id: Some(site), technician_id: PersonId(Uuid::from_u128(2)), technician_name: "t".into(),
        client_id: ClientId(Uuid::nil()), app_version: "0".into(), os: "o".into(), radio: "virtual".into(), protocol: None, security: None, firmware: None,
        identity_verified: false, rssi: None, mtu: None, steps: vec![], grant_id: None, receipt: None, epoch: None, network_name: None,
        outcome: AttemptOutcome::Failed, cause: None, started_at: Millis(0), ended_at: Millis(0),
    };
    SyncedRow { seq: Seq(seq), row: Row::Attempt(Box::new(attempt)) }
}

/// A file of that attempt.
pub fn file(attempt: u128, kind: Kind, content: &[u8]) -> File {
    File { attempt: AttemptId(Uuid::from_u128(attempt)), kind, media_type: "image/png".into(), content: content.to_vec() }
}

/// An answer of our server.
pub fn says(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\nx-request-id: 1\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

/// A refusal of our server.
pub fn refuses(status: u16, code: &str) -> String {
    says(status, "", &format!(r#"{{"error":{{"code":"{code}","detail":"no"}}}}"#))
}

/// A server that answers each request, which it knows by its head and the length of its body, and takes so long for it.
pub async fn server(takes: Duration, answer: impl Fn(&str, usize) -> String + Send + Sync + 'static) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let (mut asked, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
            let head = loop {
                let read = near.read(&mut buffer).await.unwrap_or(0);
                asked.extend_from_slice(&buffer[..read]);
                let end = asked.windows(4).position(|window| window == b"\r\n\r\n");
                if read == 0 || end.is_some() {
                    break end.unwrap_or(0);
                }
            };
            let text = String::from_utf8_lossy(&asked[..head]).into_owned();
            let length = text.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok()).unwrap_or(0);
            while asked.len() < head + 4 + length {
                let Ok(read @ 1..) = near.read(&mut buffer).await else { break };
                asked.extend_from_slice(&buffer[..read]);
            }
            tokio::time::sleep(takes).await;
            let _ = near.write_all(answer(&text, length).as_bytes()).await;
        }
    });
    origin
}
