//! Facts about the binary: what it says when it cannot run, and that what it starts works.

#![allow(clippy::expect_used, reason = "in a test, a step that fails is a test that fails")]

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

#[cfg(unix)]
#[test]
fn labels_of_a_batch_are_written_for_this_user_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let data = tempfile::tempdir().expect("a folder");
    let (batch, out) = (data.path().join("batch.csv"), data.path().join("labels.svg"));
    let rows: String = (1..=15).map(|n| format!("S-{n},k7Qm2xW9pLr4Zt{n}\n")).collect();
    std::fs::write(&batch, format!("serial,pop\n{rows}")).expect("a batch");
    let (batch, out) = (batch.to_string_lossy().into_owned(), out.to_string_lossy().into_owned());
    for _ in 0..2 {
        let output = run(&["label", &batch, "--out", &out, "--title", "Northlift"], data.path());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let written = String::from_utf8_lossy(&output.stdout).into_owned();
        let pages: Vec<_> = written.lines().collect();
        assert_eq!(pages.len(), 2, "{written}");
        for page in pages {
            assert!(std::fs::read_to_string(page).is_ok_and(|svg| svg.contains(">Northlift</text>")));
            let mode = std::fs::metadata(page).expect("a page").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "a label holds a secret");
        }
    }
    let why = refused(&["label", &batch, "--columns", "9", "--out", &out], data.path());
    assert!(why.contains("too small to be read"), "{why}");
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
        Self::start_with(data, |arguments, data| {
            let mut command = omniot(arguments, data);
            command.args(more);
            command
        })
    }

    fn start_with(data: &Path, command: impl FnOnce(&[&str], &Path) -> Command) -> Self {
        let (public, internal) = (free_port(), free_port());
        let (listen, internal_listen) = (format!("127.0.0.1:{public}"), format!("127.0.0.1:{internal}"));
        let arguments = ["serve", "--listen", &listen, "--internal-listen", &internal_listen];
        let child = command(&arguments, data).stderr(Stdio::piped()).spawn().expect("it starts");
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
        (vec!["serve", "--listen", "0.0.0.0:1", "--allow-plain-http"], "say it with --public-url"),
        (vec!["serve", "--trusted-proxy", "10.0.0.0/33"], "neither an address nor a network"),
        (vec!["tenant", "create", "acme", "--display-name", "Acme", "--owner-email", "o@acme.example"], "give --public-url"),
        (vec!["serve", "--listen", "0.0.0.0:1", "--public-url", "https://iot.example"], "there is no certificate: give --tls-cert and --tls-key"),
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
        assert_eq!(said.lines().filter(|line| line.starts_with("omniot:") || line.starts_with("error:")).count(), 1, "{said}");
    }
}

#[test]
fn the_demo_is_made_once_and_its_server_answers_and_stops_on_a_signal() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = run(&["demo", "--json"], folder.path());
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let again = run(&["demo", "--json"], folder.path());
    assert_eq!((again.status.success(), &again.stdout), (true, &first.stdout), "a second run changes nothing");
    let made = run(&["tenant", "create", "mine", "--display-name", "Mine", "--owner-email", "o@mine.example", "--public-url", "http://127.0.0.1:1"], folder.path());
    assert!(made.status.success() && run(&["demo"], folder.path()).status.success(), "a tenant that came later is no reason to refuse");
    let listed = run(&["tenant", "list"], folder.path());
    assert_eq!(String::from_utf8_lossy(&listed.stdout).lines().count(), 3);
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
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("go()") && page.contains("content-security-policy: default-src 'self'") && page.contains("permissions-policy: camera=(self)") && page.contains("no-cache") && page.contains("x-request-id: "), "{page}");
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

/// Signs in and gives the token.
fn sign_in(port: u16, tenant: &str, role: &str) -> String {
    let body = format!(r#"{{"tenant":"{tenant}","email":"{role}@{tenant}.example","password":"seven green kettles","client":"app"}}"#);
    let signed_in = read_until(&mut ask(port, "POST /v1/sessions HTTP/1.1\r\nconnection: close", &body), "\"token\":");
    signed_in.split("\"token\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a token").to_owned()
}

fn terminate(server: &Server) {
    assert!(Command::new("kill").args(["-TERM", &server.child.id().to_string()]).status().expect("a signal").success());
}

/// What the server logged until its end.
fn log_of(server: &mut Server) -> Vec<String> {
    BufReader::new(server.child.stderr.take().expect("a log")).lines().map_while(Result::ok).collect()
}

#[test]
fn a_signal_lets_a_request_in_flight_finish_and_ends_streams() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(run(&["demo", "--json"], folder.path()).status.success());
    let mut server = Server::start(folder.path(), &[]);
    let owner = sign_in(server.public, "northlift", "owner");
    let technician = sign_in(server.public, "northlift", "technician");
    let mut stream = ask(server.public, &format!("GET /v1/sync/stream HTTP/1.1\r\nauthorization: Bearer {owner}"), "");
    read_until(&mut stream, "event: changed");
    read_until(&mut ask(server.public, &format!("GET /v1/audit HTTP/1.1\r\nauthorization: Bearer {technician}"), ""), "403 Forbidden");
    let body = r#"{"name":"Last hall","time_zone":"UTC"}"#;
    let mut slow = TcpStream::connect(("127.0.0.1", server.public)).expect("a connection");
    write!(slow, "POST /v1/sites HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {owner}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{}", body.len(), &body[..10]).expect("half");
    std::thread::sleep(Duration::from_millis(200));
    let began = Instant::now();
    terminate(&server);
    std::thread::sleep(Duration::from_millis(300));
    assert!(matches!(server.child.try_wait(), Ok(None)), "it waits for the request");
    slow.write_all(&body.as_bytes()[10..]).expect("the other half");
    read_until(&mut stream, "event: closed");
    read_until(&mut BufReader::new(slow), "HTTP/1.1 201");
    let log = log_of(&mut server);
    assert!(server.child.wait().expect("it ends").success() && began.elapsed() < Duration::from_secs(8), "after {:?}: {log:?}", began.elapsed());
    for (status, code) in [("201", "POST"), ("403", "GET")] {
        let line = log.iter().find(|line| line.contains(&format!("status={status}")) && line.contains(&format!("method={code}"))).unwrap_or_else(|| panic!("a line with {status}: {log:?}"));
        assert!(line.contains("tenant.id=ten_") && line.contains("actor.id=per_") && line.contains("request.id="), "{line}");
    }
}

/// A command as somebody whom file permissions stop: the superuser becomes `nobody`.
fn as_somebody(arguments: &[&str], data: &Path) -> Command {
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    if !root {
        return omniot(arguments, data);
    }
    let mut command = Command::new("setpriv");
    // Beside the data, where nobody may go; the build may lie in a private folder.
    command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]).arg(data.with_file_name("omniot"));
    command.args(arguments).env_clear().env("OMNIOT_DATA", data).env("PATH", "/usr/bin:/bin");
    command
}

fn set_modes(path: &Path, file: u32, folder: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    let set = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
    set(path, 0o755);
    for entry in std::fs::read_dir(path).expect("a folder") {
        let inner = entry.expect("an entry").path();
        if inner.is_dir() { set_modes(&inner, file, folder) } else { set(&inner, file) }
    }
    set(path, folder);
}

#[test]
fn a_data_folder_that_cannot_be_written_is_said_at_the_start_and_loses_nothing_while_running() {
    let outer = tempfile::Builder::new().prefix("omniot-").tempdir_in("/tmp").expect("a folder");
    let data = outer.path().join("data");
    std::fs::create_dir(&data).expect("a folder");
    let copied = std::fs::copy(env!("CARGO_BIN_EXE_omniot"), outer.path().join("omniot"));
    copied.expect("the binary, where nobody may go");
    set_modes(outer.path(), 0o755, 0o777);
    assert!(as_somebody(&["demo", "--json"], &data).status().expect("it runs").success());
    set_modes(&data, 0o444, 0o555);
    let refused = as_somebody(&["serve", "--listen", "127.0.0.1:1"], &data).output().expect("it runs");
    let said = String::from_utf8_lossy(&refused.stderr).trim().to_owned();
    let wanted = format!("omniot: the data folder {} cannot be used: this user may not write there; make it writable for this user, or choose another with --data", data.display());
    assert_eq!(said, wanted);

    set_modes(&data, 0o666, 0o777);
    let server = Server::start_with(&data, as_somebody);
    let owner = sign_in(server.public, "northlift", "owner");
    let site = |token: &str| read_until(&mut ask(server.public, &format!("POST /v1/sites HTTP/1.1\r\nconnection: close\r\nauthorization: Bearer {token}"), r#"{"name":"Hall","time_zone":"UTC"}"#), "}");
    set_modes(&data, 0o444, 0o555);
    let body = r#"{"tenant":"verdant","email":"owner@verdant.example","password":"seven green kettles","client":"app"}"#;
    let refused = read_until(&mut ask(server.public, "POST /v1/sessions HTTP/1.1\r\nconnection: close", body), "}}");
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("not_ready") && refused.contains("retry-after"), "{refused}");
    let ready = get(server.internal, "/readyz").expect("an answer");
    assert!(ready.starts_with("HTTP/1.1 503"), "{ready}");
    set_modes(&data, 0o666, 0o777);
    sign_in(server.public, "verdant", "owner");
    assert!(site(&owner).starts_with("HTTP/1.1 201"), "what was open goes on");
    let ready = get(server.internal, "/readyz").expect("an answer");
    assert!(ready.starts_with("HTTP/1.1 200"), "{ready}");
}

#[test]
fn a_tenant_is_made_from_the_command_line_with_an_invitation() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = run(&["tenant", "create", "acme", "--display-name", "Acme", "--template", "facility", "--owner-email", "o@acme.example", "--public-url", "https://iot.example"], folder.path());
    let said = String::from_utf8_lossy(&made.stdout);
    assert!(made.status.success() && said.contains("https://iot.example/invitation") && said.contains("omi_"), "{said} {}", String::from_utf8_lossy(&made.stderr));
    let again = refused(&["tenant", "create", "acme", "--display-name", "Acme", "--owner-email", "o@acme.example", "--public-url", "https://iot.example"], folder.path());
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
fn a_tenant_suspended_by_another_process_loses_its_open_streams_within_a_second() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(run(&["demo", "--json"], folder.path()).status.success());
    let server = Server::start(folder.path(), &[]);
    let token = sign_in(server.public, "northlift", "technician");
    let mut stream = ask(server.public, &format!("GET /v1/sync/stream HTTP/1.1\r\nauthorization: Bearer {token}"), "");
    read_until(&mut stream, "event: changed");
    // Nothing happens for a while: the watch has no reason to look until something does.
    std::thread::sleep(Duration::from_millis(1_200));
    assert!(run(&["tenant", "suspend", "northlift", "--reason", "unpaid"], folder.path()).status.success());
    // One second is promised; half of another for a machine that does other things too.
    let began = Instant::now();
    let last = read_until(&mut stream, "tenant_suspended");
    assert!(last.contains("event: closed") && began.elapsed() < Duration::from_millis(1_500), "after {:?}: {last}", began.elapsed());
}

#[test]
fn the_demo_is_not_added_to_a_deployment_of_somebody_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let (operators, tenants) = (folder.path().join("operators"), folder.path().join("tenants"));
    assert!(run(&["operator", "create", "o@iot.example", "--name", "O", "--password", "long enough for this"], &operators).status.success());
    assert!(run(&["tenant", "create", "acme", "--display-name", "Acme", "--owner-email", "o@acme.example", "--public-url", "https://iot.example"], &tenants).status.success());
    for (data, says) in [(&operators, "has operators of its own"), (&tenants, "holds the tenant acme")] {
        let said = refused(&["demo"], data);
        assert!(said.contains(says) && said.contains("passwords are published"), "{said}");
    }
}

#[test]
fn links_that_the_command_line_prints_lead_to_the_server_that_served_last() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(Server::start(folder.path(), &["--public-url", "https://iot.example/"]));
    let made = run(&["tenant", "create", "acme", "--display-name", "Acme", "--owner-email", "o@acme.example"], folder.path());
    let said = String::from_utf8_lossy(&made.stdout);
    assert!(said.contains("\nhttps://iot.example/invitation#"), "{said} {}", String::from_utf8_lossy(&made.stderr));
}

/// What a connection that says `words` and then nothing hears, and for how long.
fn silence(port: u16, words: &str) -> (Duration, String) {
    let began = Instant::now();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a deadline");
    stream.write_all(words.as_bytes()).expect("sent");
    let mut heard = Vec::new();
    let _ = stream.read_to_end(&mut heard);
    (began.elapsed(), String::from_utf8_lossy(&heard).into_owned())
}

#[test]
fn whoever_says_nothing_is_cut_off_and_only_so_many_are_let_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &["--header-timeout", "1", "--max-connections", "3"]);
    for words in ["", "GET /v1/tenant-card HTTP/1.1\r\n", "GET /v1/tenant-card?name=x HTTP/1.1\r\nhost: localhost\r\n\r\n"] {
        let (after, heard) = silence(server.public, words);
        assert!(after > Duration::from_millis(900) && after < Duration::from_secs(6), "{words:?}: after {after:?}: {heard}");
        assert_eq!(heard.starts_with("HTTP/1.1 404"), words.ends_with("\r\n\r\n"), "{heard}");
    }
    let held: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(("127.0.0.1", server.public)).expect("a connection")).collect();
    std::thread::sleep(Duration::from_millis(300));
    assert!(get(server.public, "/v1/openapi.json").is_none_or(|answer| answer.is_empty()), "a fourth gets no answer");
    assert!(get(server.internal, "/healthz").is_some_and(|answer| answer.starts_with("HTTP/1.1 200")), "the internal address has places of its own");
    drop(held);
    let deadline = Instant::now() + Duration::from_secs(5);
    while get(server.public, "/v1/openapi.json").is_none_or(|answer| answer.is_empty()) {
        assert!(Instant::now() < deadline, "places are given back");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What a server that speaks TLS answers to whoever trusts this certificate; nothing when they do not agree.
fn get_tls(port: u16, trusted: &Path) -> Option<String> {
    use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(trusted).expect("a certificate")).expect("a root");
    let config = rustls::ClientConfig::builder_with_provider(std::sync::Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let client = rustls::ClientConnection::new(std::sync::Arc::new(config), name).expect("a client");
    let mut stream = rustls::StreamOwned::new(client, TcpStream::connect(("127.0.0.1", port)).expect("a connection"));
    stream.write_all(b"GET /v1/nothing HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    Some(answer)
}

#[test]
fn tls_is_spoken_with_a_certificate_and_then_nothing_else_and_a_new_one_is_taken_without_a_stop() {
    let folder = tempfile::tempdir().expect("a folder");
    let tls = |file: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(file);
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let put = |name: &str| {
        std::fs::copy(tls(&format!("{name}cert.pem")), &cert).expect("a certificate");
        std::fs::copy(tls(&format!("{name}key.pem")), &key).expect("a key");
    };
    put("");
    let server = Server::start(folder.path(), &["--tls-cert", cert.to_str().expect("text"), "--tls-key", key.to_str().expect("text")]);
    let answer = get_tls(server.public, &tls("cert.pem")).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 404") && answer.contains("strict-transport-security"), "{answer}");
    let plain = get(server.public, "/v1/nothing");
    assert!(plain.is_none_or(|answer| !answer.starts_with("HTTP/1.1 2") && !answer.contains("not_found")), "plain HTTP gets no answer");

    put("next-");
    assert!(Command::new("kill").args(["-HUP", &server.child.id().to_string()]).status().expect("a signal").success());
    let deadline = Instant::now() + Duration::from_secs(10);
    while get_tls(server.public, &tls("next-cert.pem")).is_none() {
        assert!(Instant::now() < deadline, "the new certificate is shown");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(get_tls(server.public, &tls("cert.pem")).is_none(), "the old one is gone");
}
