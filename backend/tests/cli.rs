//! Facts about the binary: what it says when it cannot run, and that what it starts works.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

fn omniot(arguments: &[&str], data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_omniot"));
    command.args(arguments).env_clear().env("OMNIOT_DATA", data).env("PATH", "/usr/bin:/bin");
    command
}

fn run(arguments: &[&str], data: &Path) -> Output {
    omniot(arguments, data).output().expect("it runs")
}

fn refused(arguments: &[&str], data: &Path) -> String {
    let output = run(arguments, data);
    assert!(!output.status.success(), "{arguments:?} is refused");
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}

/// A server that is killed when the test ends.
struct Server {
    child: Child,
    public: u16,
    internal: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

impl Server {
    fn start(data: &Path, more: &[&str]) -> Self {
        let (public, internal) = (free_port(), free_port());
        let (listen, internal_listen) = (format!("127.0.0.1:{public}"), format!("127.0.0.1:{internal}"));
        let mut arguments = vec!["serve", "--listen", &listen, "--internal-listen", &internal_listen];
        arguments.extend(more);
        let child = omniot(&arguments, data).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut server = Self { child, public, internal };
        let deadline = Instant::now() + Duration::from_secs(20);
        while get(server.internal, "/readyz").is_none_or(|answer| !answer.starts_with("HTTP/1.1 200")) {
            assert!(Instant::now() < deadline && matches!(server.child.try_wait(), Ok(None)), "it becomes ready");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }
}

fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

#[test]
fn what_is_wrong_at_the_start_is_said_in_one_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let busy = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let busy = busy.local_addr().expect("an address").to_string();
    let file = folder.path().join("file");
    std::fs::write(&file, "not a certificate").expect("a file");
    let file = file.to_str().expect("text");
    let data = folder.path().join("data");
    for (arguments, says) in [
        (vec!["serve", "--listen", &busy], "the port is in use"),
        (vec!["serve", "--listen", "0.0.0.0:1"], "there is no certificate: give --tls-cert and --tls-key"),
        (vec!["serve", "--tls-cert", file, "--tls-key", file], "cannot be used"),
        (vec!["serve", "--tls-cert", "/nowhere", "--tls-key", file], "/nowhere"),
        (vec!["serve", "--ui-dir", "/nowhere"], "holds no index.html"),
        (vec!["serve", "--data", file], "the data folder"),
        (vec!["serve", "--database-url", "postgres://nobody@127.0.0.1:1/none"], "the database cannot be used"),
        (vec!["audit", "verify", "nobody"], "there is no tenant named nobody"),
        (vec!["tenant", "suspend", "nobody", "--reason", "x"], "there is no tenant named nobody"),
        (vec!["operator", "create", "o@x.example", "--name", "O", "--password", "short"], "at least 10 characters"),
    ] {
        let said = refused(&arguments, &data);
        assert!(said.contains(says), "{arguments:?} says: {said}");
        assert_eq!(said.lines().filter(|line| line.starts_with("omniot:")).count(), 1, "{said}");
    }
}

#[test]
fn the_demo_is_made_once_and_its_server_answers_and_stops_on_a_signal() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = run(&["demo", "--json"], folder.path());
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let again = run(&["demo", "--json"], folder.path());
    assert_eq!((again.status.success(), &again.stdout), (true, &first.stdout), "a second run changes nothing");
    let listed = run(&["tenant", "list"], folder.path());
    assert_eq!(String::from_utf8_lossy(&listed.stdout).lines().count(), 2);
    let verified = run(&["audit", "verify", "northlift"], folder.path());
    assert!(String::from_utf8_lossy(&verified.stdout).contains("the audit chain holds"), "{verified:?}");

    let ui = folder.path().join("ui");
    std::fs::create_dir_all(ui.join("_app/immutable")).expect("a folder");
    std::fs::write(ui.join("index.html"), "<html><script>go()</script></html>").expect("a page");
    std::fs::write(ui.join("_app/immutable/a.js"), "1").expect("a script");
    let mut server = Server::start(folder.path(), &["--ui-dir", ui.to_str().expect("text")]);
    let card = get(server.public, "/v1/tenant-card?name=northlift").expect("an answer");
    assert!(card.starts_with("HTTP/1.1 200") && card.contains("Northlift") && card.contains("cache-control: no-store"), "{card}");
    let page = get(server.public, "/devices/dev_1").expect("an answer");
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("go()") && page.contains("content-security-policy: default-src 'self'") && page.contains("no-cache"), "{page}");
    let script = get(server.public, "/_app/immutable/a.js").expect("an answer");
    assert!(script.contains("immutable") && script.contains("nosniff"), "{script}");
    for (path, status) in [("/_app/immutable/gone.js", "404"), ("/v1/gone", "404"), ("/../../etc/passwd", "200")] {
        let answer = get(server.public, path).expect("an answer");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) && !answer.contains("root:"), "{path}: {answer}");
    }
    let metrics = get(server.internal, "/metrics").expect("an answer");
    assert!(metrics.contains("omniot_request_seconds"), "{metrics}");
    assert!(get(server.internal, "/healthz").expect("an answer").starts_with("HTTP/1.1 200"));

    let stopped = Command::new("kill").args(["-TERM", &server.child.id().to_string()]).status().expect("a signal");
    assert!(stopped.success());
    let lines: Vec<String> = BufReader::new(server.child.stderr.take().expect("a log")).lines().map_while(Result::ok).collect();
    assert!(server.child.wait().expect("it ends").success(), "{lines:?}");
    let spanned = lines.iter().any(|line| line.contains("request.id=") && line.contains("status=200"));
    assert!(spanned, "each request is logged with its id: {lines:?}");
}

#[test]
fn a_tenant_is_made_from_the_command_line_with_an_invitation() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = run(&["tenant", "create", "acme", "--display-name", "Acme", "--template", "facility", "--owner-email", "o@acme.example", "--public-url", "https://iot.example"], folder.path());
    let said = String::from_utf8_lossy(&made.stdout);
    assert!(made.status.success() && said.contains("https://iot.example/invitation") && said.contains("omi_"), "{said} {}", String::from_utf8_lossy(&made.stderr));
    let again = refused(&["tenant", "create", "acme", "--display-name", "Acme", "--owner-email", "o@acme.example"], folder.path());
    assert!(again.contains("there is a tenant named acme already"), "{again}");
    for command in [&["tenant", "suspend", "acme", "--reason", "test"][..], &["tenant", "resume", "acme"]] {
        assert!(run(command, folder.path()).status.success(), "{command:?}");
    }
}

/// Sends a request by hand and gives the stream to read on.
fn ask(port: u16, head: &str, body: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a deadline");
    write!(stream, "{head}\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len()).expect("sent");
    BufReader::new(stream)
}

fn read_until(stream: &mut BufReader<TcpStream>, wanted: &str) -> String {
    let mut heard = String::new();
    while !heard.contains(wanted) {
        let mut line = String::new();
        assert!(stream.read_line(&mut line).is_ok_and(|bytes| bytes > 0), "the stream ended before {wanted}: {heard}");
        heard.push_str(&line);
    }
    heard
}

#[test]
fn a_tenant_suspended_by_another_process_loses_its_open_streams_within_seconds() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(run(&["demo", "--json"], folder.path()).status.success());
    let server = Server::start(folder.path(), &[]);
    let body = r#"{"tenant":"northlift","email":"technician@northlift.example","password":"seven green kettles","client":"app"}"#;
    let signed_in = read_until(&mut ask(server.public, "POST /v1/sessions HTTP/1.1\r\nconnection: close", body), "\"token\":");
    let token = signed_in.split("\"token\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a token").to_owned();
    let mut stream = ask(server.public, &format!("GET /v1/sync/stream HTTP/1.1\r\nauthorization: Bearer {token}"), "");
    read_until(&mut stream, "event: changed");
    assert!(run(&["tenant", "suspend", "northlift", "--reason", "unpaid"], folder.path()).status.success());
    let began = Instant::now();
    let last = read_until(&mut stream, "tenant_suspended");
    assert!(last.contains("event: closed") && began.elapsed() < Duration::from_secs(3), "after {:?}: {last}", began.elapsed());
}

#[test]
fn tls_is_spoken_with_a_certificate_and_then_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let tls = |file: &str| format!("{}/tests/tls/{file}.pem", env!("CARGO_MANIFEST_DIR"));
    let server = Server::start(folder.path(), &["--tls-cert", &tls("cert"), "--tls-key", &tls("key")]);
    use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(tls("cert")).expect("a certificate")).expect("a root");
    let config = rustls::ClientConfig::builder_with_provider(std::sync::Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let client = rustls::ClientConnection::new(std::sync::Arc::new(config), name).expect("a client");
    let mut stream = rustls::StreamOwned::new(client, TcpStream::connect(("127.0.0.1", server.public)).expect("a connection"));
    stream.write_all(b"GET /v1/nothing HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 404") && answer.contains("strict-transport-security"), "{answer}");
    let plain = get(server.public, "/v1/nothing");
    assert!(plain.is_none_or(|answer| !answer.starts_with("HTTP/1.1 2") && !answer.contains("not_found")), "plain HTTP gets no answer");
}
