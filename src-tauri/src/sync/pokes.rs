//! The stream of pokes: the server says "something changed", we pull.
//!
//! A lost poke costs nothing: the next one carries a higher number, and each new stream begins with a pull.
//! Deliberately not here: when to open the stream again (the driver).

use std::time::Duration;

use omniot_shared::sync::wire::Poke;
use reqwest::{Method, Response, header};
use tokio::time::{Instant, timeout_at};

use crate::transport::{Server, Trouble, Unreachable};

/// The server speaks at once. Who hears nothing for so long has something in between that keeps
/// answers until they are whole.
const FIRST: Duration = Duration::from_secs(10);

/// An open stream of server-sent events.
pub struct Pokes {
    response: Response,
    lines: Lines,
    /// Until when the first word must come; `None` once it has.
    first: Option<Instant>,
}

/// Why no more pokes come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The stream was closed, or broke.
    Closed,
    /// It never said anything.
    Mute,
}

impl Pokes {
    /// Opens the stream.
    ///
    /// # Errors
    /// [`Trouble`]; too slow is also who keeps the head of the answer back.
    pub async fn open(server: &Server) -> Result<Self, Trouble> {
        let request = server.request(Method::GET, "/v1/sync/stream", None)?.header(header::ACCEPT, "text/event-stream");
        let first = Instant::now() + FIRST;
        let response = timeout_at(first, server.open(request, "text/event-stream")).await.map_err(|_| Trouble::Offline(Unreachable::Timeout))??;
        Ok(Self { response, lines: Lines::default(), first: Some(first) })
    }

    /// The next poke. Nothing is lost when the wait is given up.
    ///
    /// # Errors
    /// [`Ended`], and then again each time.
    pub async fn next(&mut self) -> Result<Poke, Ended> {
        loop {
            if let Some(poke) = self.lines.next_poke() {
                return Ok(poke);
            }
            let part = match self.first {
                Some(first) => timeout_at(first, self.response.chunk()).await.map_err(|_| Ended::Mute)?,
                None => self.response.chunk().await,
            };
            match part {
                Ok(Some(bytes)) => {
                    self.first = None;
                    self.lines.push(&bytes);
                }
                Ok(None) | Err(_) => return Err(Ended::Closed),
            }
        }
    }
}

/// Bytes of an event stream, cut into lines; only `data:` lines matter to us.
#[derive(Default)]
struct Lines(Vec<u8>);

/// No line of ours is longer.
const LONGEST: usize = 64 * 1024;

impl Lines {
    fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        if self.0.len() > LONGEST && !self.0.contains(&b'\n') {
            self.0.clear();
        }
    }

    fn next_poke(&mut self) -> Option<Poke> {
        loop {
            let end = self.0.iter().position(|byte| *byte == b'\n')?;
            let line: Vec<u8> = self.0.drain(..=end).collect();
            let data = line.strip_prefix(b"data:").map(<[u8]>::trim_ascii);
            if let Some(poke) = data.and_then(|data| serde_json::from_slice(data).ok()) {
                return Some(poke);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use omniot_shared::sync::Seq;

    #[test]
    fn pokes_arrive_however_the_bytes_are_cut_and_heartbeats_are_passed_over() {
        let text = b": hello\r\n\r\nevent: changed\r\ndata: {\"seq\":3}\r\n\r\n: beat\n\ndata:{\"seq\":4}\n\ndata: <html>\n\n";
        for size in 1..text.len() {
            let (mut lines, mut got) = (Lines::default(), Vec::new());
            for part in text.chunks(size) {
                lines.push(part);
                while let Some(poke) = lines.next_poke() {
                    got.push(poke.seq);
                }
            }
            assert_eq!(got, [Seq(3), Seq(4)], "cut every {size} bytes");
        }
    }
}
