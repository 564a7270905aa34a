//! Facts about the console.
