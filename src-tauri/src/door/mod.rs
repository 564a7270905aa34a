//! The app's one door: `request(method, path, body)`, answered from the local store, by the
//! app itself, or by the server.

mod path;
mod reply;

pub use reply::Reply;
