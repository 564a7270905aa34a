//! HTTP/1.1 as it lies on the wire: requests that are whole, and answers read again from recorded bytes.
//!
//! Deliberately not here: carrying them (`relay`).

use std::io::Read as _;

use omniot_shared::sync::frame::MAGIC;

/// Where the head ends that begins `bytes`.
fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

/// What a head says about `name`.
fn field(head: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(|value| value.trim().to_owned()))
}

/// The length of the request that begins `bytes`, once its head is there.
pub fn request_length(bytes: &[u8]) -> Option<usize> {
    let head = head_end(bytes)?;
    let body = field(&bytes[..head], "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    Some(head + body)
}

/// `POST /v1/sync/push` of a request.
pub fn request_line(request: &[u8]) -> String {
    let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    String::from_utf8_lossy(line).trim_end_matches(" HTTP/1.1").to_owned()
}

/// The bodies of the answers in `bytes`, as far as they came, and whether the last one is whole.
pub fn answers(mut bytes: &[u8]) -> (Vec<Vec<u8>>, bool) {
    let (mut bodies, mut is_whole) = (Vec::new(), true);
    while let Some(head) = head_end(bytes) {
        let (said, rest) = bytes.split_at(head);
        let (body, used, ended) = match field(said, "content-length").and_then(|length| length.parse::<usize>().ok()) {
            Some(length) => (rest[..length.min(rest.len())].to_vec(), length.min(rest.len()), rest.len() >= length),
            None if field(said, "transfer-encoding").is_some() => unchunked(rest),
            None => (Vec::new(), 0, true),
        };
        bodies.push(body);
        is_whole = ended;
        bytes = &rest[used..];
    }
    (bodies, is_whole && bytes.is_empty())
}

/// A chunked body, how long it was on the wire, and whether its end came.
fn unchunked(bytes: &[u8]) -> (Vec<u8>, usize, bool) {
    let (mut body, mut at) = (Vec::new(), 0);
    while let Some(line) = bytes[at..].windows(2).position(|window| window == b"\r\n") {
        let size = std::str::from_utf8(&bytes[at..at + line]).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
        let Some(size) = size else { break };
        let (from, until) = (at + line + 2, (at + line + 2 + size).min(bytes.len()));
        body.extend_from_slice(&bytes[from..until]);
        at = (until + 2).min(bytes.len());
        if size == 0 {
            return (body, at, until + 2 <= bytes.len());
        }
    }
    (body, bytes.len(), false)
}

/// A body as text; what is packed in a pull is unpacked as far as it came.
pub fn text(body: &[u8]) -> String {
    let Some(packed) = body.strip_prefix(&MAGIC[..]) else { return String::from_utf8_lossy(body).into_owned() };
    let mut unpacked = Vec::new();
    // A pull that was cut has an end that cannot be unpacked; what comes before it is read.
    if let Ok(mut reader) = zstd::Decoder::new(packed) {
        let mut part = [0; 4096];
        while let Ok(read @ 1..) = reader.read(&mut part) {
            unpacked.extend_from_slice(&part[..read]);
        }
    }
    String::from_utf8_lossy(&unpacked).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_however_far_they_came() {
        let sent = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        assert_eq!(answers(sent), (vec![b"{}".to_vec(), b"abcde".to_vec()], true));
        for cut in 1..sent.len() {
            let (bodies, is_whole) = answers(&sent[..cut]);
            assert!(bodies.len() <= 2 && is_whole == (cut == 40), "cut after {cut}: {bodies:?} {is_whole}");
        }
    }

    #[test]
    fn a_pull_that_was_cut_is_read_as_far_as_it_came() {
        let chance: String = (0..9_000).map(|_| char::from(b'a' + rand::random::<u8>() % 26)).collect();
        let whole = [&MAGIC[..], &zstd::encode_all(chance.as_bytes(), 1).unwrap()].concat();
        assert_eq!(text(&whole), chance);
        let part = text(&whole[..whole.len() / 2]);
        assert!(chance.starts_with(&part), "what is read is the beginning");
    }
}
