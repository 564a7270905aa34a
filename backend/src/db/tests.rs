//! Facts about the seam.
