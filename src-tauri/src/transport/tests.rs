use super::*;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// A server that answers every connection with the given bytes and remembers what it was asked.
async fn answering(answer: &'static str) -> (Server, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = Origin::read(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let asked = tokio::spawn(async move {
        let mut asked = Vec::new();
        while let Ok(Ok((mut socket, _))) = tokio::time::timeout(Duration::from_millis(900), listener.accept()).await {
            let mut buffer = vec![0; 4096];
            let read = socket.read(&mut buffer).await.unwrap();
            asked.push(String::from_utf8_lossy(&buffer[..read]).into_owned());
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
        asked
    });
    let server = Server::at(&origin, "1").unwrap().signed_in(Zeroizing::new("omt_secret".to_owned()));
    (server, asked)
}

const HTML: &str = "HTTP/1.1 200 OK\r\nx-request-id: 1\r\ncontent-type: text/html\r\ncontent-length: 6\r\nconnection: close\r\n\r\n<html>";
const UNMARKED: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
const GATEWAY: &str = "HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\ncontent-length: 6\r\nconnection: close\r\n\r\n<html>";
const CUT: &str = "HTTP/1.1 200 OK\r\nx-request-id: 1\r\ncontent-type: application/json\r\ncontent-length: 200\r\nconnection: close\r\n\r\n{\"a\":";
const ELSEWHERE: &str = "HTTP/1.1 307 Temporary Redirect\r\nx-request-id: 1\r\nlocation: http://127.0.0.1:1/steal\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn what_a_captive_portal_or_a_broken_proxy_says_is_offline() {
    for (answer, why) in [
        (HTML, Unreachable::SomebodyElse),
        (UNMARKED, Unreachable::SomebodyElse),
        (ELSEWHERE, Unreachable::SomebodyElse),
        (CUT, Unreachable::Cut),
        (GATEWAY, Unreachable::Gateway),
    ] {
        let (server, _asked) = answering(answer).await;
        let got = server.call(Method::POST, "/v1/x", Some(&Value::Null)).await;
        assert_eq!(got, Err(Trouble::Offline(why)), "{answer}");
    }
}

#[tokio::test]
async fn a_reading_call_is_repeated_when_the_network_fails_and_a_writing_one_is_not() {
    let (server, asked) = answering(CUT).await;
    assert!(server.call(Method::GET, "/v1/x", None).await.is_err());
    assert_eq!(asked.await.unwrap().len(), 3);
    let (server, asked) = answering(CUT).await;
    assert!(server.call(Method::POST, "/v1/x", None).await.is_err());
    assert_eq!(asked.await.unwrap().len(), 1);
}

#[tokio::test]
async fn nobody_listening_is_offline_and_says_so_in_plain_words() {
    let origin = Origin::read("http://127.0.0.1:1").unwrap();
    let trouble = Server::at(&origin, "1").unwrap().call(Method::POST, "/v1/x", None).await.unwrap_err();
    assert_eq!(trouble, Trouble::Offline(Unreachable::NoConnection));
    assert_eq!(trouble.reply().status, 503);
    assert_eq!(trouble.reply().code(), Some("offline"));
}

#[tokio::test]
async fn an_error_of_the_server_is_sorted_by_what_to_do_about_it() {
    for (status, code, trouble) in [
        (401, "not_signed_in", Trouble::NeedsSignIn),
        (401, "wrong_credentials", Trouble::Refused { status: 401, code: "wrong_credentials".to_owned(), detail: "no".to_owned() }),
        (403, "tenant_suspended", Trouble::Suspended),
        (429, "throttled", Trouble::Throttled(Some(Duration::from_secs(7)))),
        (403, "not_allowed", Trouble::Refused { status: 403, code: "not_allowed".to_owned(), detail: "no".to_owned() }),
    ] {
        let body = serde_json::json!({"error": {"code": code, "detail": "no"}});
        let answer = Answer { status, body, retry_after: Some(Duration::from_secs(7)) };
        assert_eq!(Trouble::of_answer(&answer), trouble);
    }
}

#[test]
fn an_address_is_encrypted_or_on_this_machine() {
    for (typed, kept) in [
        ("example.com", "https://example.com"),
        (" HTTPS://Example.com/ ", "https://example.com"),
        ("https://example.com:8443", "https://example.com:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://localhost:8080/", "http://localhost:8080"),
    ] {
        assert_eq!(Origin::read(typed).unwrap().as_str(), kept, "{typed}");
    }
    for (typed, why) in [
        ("http://example.com", InvalidOrigin::NotEncrypted),
        ("http://127.0.0.1.example.com", InvalidOrigin::NotEncrypted),
        ("https://user:pass@example.com", InvalidOrigin::Malformed),
        ("https://example.com/path", InvalidOrigin::Malformed),
        ("ftp://example.com", InvalidOrigin::Malformed),
        ("", InvalidOrigin::Malformed),
    ] {
        assert_eq!(Origin::read(typed), Err(why), "{typed}");
    }
}

#[tokio::test]
async fn no_path_leads_to_another_server() {
    let origin = Origin::read("https://iot.example").unwrap();
    let server = Server::at(&Origin::read("http://127.0.0.1:1").unwrap(), "1").unwrap().signed_in(Zeroizing::new("omt_secret".to_owned()));
    for path in [".attacker.example/../v1/me2", "@attacker.example/../v1/me2", ":pw@attacker.example/", "", "v1/me", "\t.attacker.example/", "\\@attacker.example/"] {
        assert_eq!(origin.address_of(path), None, "{path:?}");
        assert!(matches!(server.call(Method::GET, path, None).await, Err(Trouble::Refused { status: 404, .. })), "{path:?}");
    }
    for path in ["/v1/me", "//attacker.example/v1/me", "/\\attacker.example", "/@attacker.example", "/\t/attacker.example"] {
        assert_eq!(origin.address_of(path).unwrap().host_str(), Some("iot.example"), "{path:?}");
    }
}

#[test]
fn what_is_large_has_time_to_go_up_a_narrow_way() {
    assert_eq!(longest(0), CALL);
    // A push of the largest size at the edge of coverage, 20 kbit a second: 105 seconds.
    assert!(longest(256 * 1024) > Duration::from_secs(256 * 1024 * 8 / 20_000));
}

#[tokio::test]
async fn a_file_has_arrived_where_the_answer_is_204_and_names_it_and_nowhere_else() {
    let answer = |status: u16, tag: &str| -> &'static str {
        Box::leak(format!("HTTP/1.1 {status} Fine\r\nx-request-id: 1\r\n{tag}content-length: 0\r\nconnection: close\r\n\r\n").into_boxed_str())
    };
    let somebody_else = Err(Trouble::Offline(Unreachable::SomebodyElse));
    for (status, tag, expected) in [
        (204, "etag: \"abc\"\r\n", Ok(())),
        (204, "", somebody_else.clone()),
        (204, "etag: \"abd\"\r\n", somebody_else.clone()),
        (200, "etag: \"abc\"\r\n", somebody_else.clone()),
        (201, "etag: \"abc\"\r\n", somebody_else.clone()),
        (202, "", somebody_else.clone()),
        (206, "etag: \"abc\"\r\n", somebody_else),
    ] {
        let (server, _asked) = answering(answer(status, tag)).await;
        assert_eq!(server.put("/v1/x", "image/png", b"file".to_vec(), "\"abc\"").await, expected, "{status} {tag}");
    }
}
