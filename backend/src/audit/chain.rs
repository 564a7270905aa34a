//! The chain: each entry's hash covers the hash before it and every field of the entry.

use sha2::{Digest as _, Sha256};

/// The fields of one entry in their canonical order.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Link {
    pub(super) n: i64,
    pub(super) at: i64,
    pub(super) actor_kind: String,
    pub(super) actor_id: Option<String>,
    pub(super) actor_name: String,
    pub(super) acting_as: Option<String>,
    pub(super) action: String,
    pub(super) target_kind: String,
    pub(super) target_id: Option<String>,
    pub(super) target_name: Option<String>,
    pub(super) detail: Option<String>,
    pub(super) before_hash: Option<Vec<u8>>,
    pub(super) after_hash: Option<Vec<u8>>,
    pub(super) request_id: Option<String>,
    pub(super) hash: Vec<u8>,
}

impl Link {
    /// What `hash` must be, after `previous` (empty before the first entry).
    ///
    /// SHA-256 over: previous hash ‖ tenant ‖ each field as a length (u64, big endian, plus one;
    /// 0 = null) and its bytes; numbers as 8 bytes, big endian. Lengths keep neighbours apart.
    pub(super) fn expected(&self, tenant: uuid::Uuid, previous: &[u8]) -> [u8; 32] {
        let mut sum = Sha256::new();
        let mut field = |bytes: Option<&[u8]>| {
            let length = bytes.map_or(0, |bytes| bytes.len() as u64 + 1);
            sum.update(length.to_be_bytes());
            sum.update(bytes.unwrap_or_default());
        };
        fn text(value: Option<&String>) -> Option<&[u8]> {
            value.map(String::as_bytes)
        }
        field(Some(previous));
        field(Some(tenant.as_bytes()));
        field(Some(&self.n.to_be_bytes()));
        field(Some(&self.at.to_be_bytes()));
        field(Some(self.actor_kind.as_bytes()));
        field(text(self.actor_id.as_ref()));
        field(Some(self.actor_name.as_bytes()));
        field(text(self.acting_as.as_ref()));
        field(Some(self.action.as_bytes()));
        field(Some(self.target_kind.as_bytes()));
        field(text(self.target_id.as_ref()));
        field(text(self.target_name.as_ref()));
        field(text(self.detail.as_ref()));
        field(self.before_hash.as_deref());
        field(self.after_hash.as_deref());
        field(text(self.request_id.as_ref()));
        sum.finalize().into()
    }
}

/// Where and how the chain is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// Entry `n` does not hold what was written: it, or one before it, was changed.
    Changed {
        /// The first wrong entry.
        n: i64,
    },
    /// Entry `n` is missing.
    Missing {
        /// The first missing entry.
        n: i64,
    },
    /// The newest entries were cut off: the log should end at `n`.
    CutOff {
        /// Where it should end.
        n: i64,
    },
}

/// What checking the chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Entries that hold, from the first on.
    pub entries: i64,
    /// The first break, if there is one.
    pub broken: Option<Broken>,
}

/// Walks a chain in order, page by page.
pub struct Walk {
    tenant: uuid::Uuid,
    n: i64,
    head: Vec<u8>,
}

impl Walk {
    /// Before the first entry.
    #[must_use]
    pub const fn new(tenant: uuid::Uuid) -> Self {
        Self { tenant, n: 0, head: Vec::new() }
    }

    /// The number of the last entry that holds.
    #[must_use]
    pub const fn n(&self) -> i64 {
        self.n
    }

    /// The next entry; says where the chain breaks.
    pub fn step(&mut self, link: &Link) -> Result<(), Broken> {
        let n = self.n + 1;
        if link.n != n {
            return Err(Broken::Missing { n });
        }
        let expected = link.expected(self.tenant, &self.head);
        if link.hash != expected {
            return Err(Broken::Changed { n });
        }
        self.n = n;
        self.head = expected.to_vec();
        Ok(())
    }

    /// After the last entry: does the chain end where the tenant's clock says it does?
    pub fn end(&self, n: i64, head: &[u8]) -> Result<(), Broken> {
        if self.n < n {
            Err(Broken::CutOff { n })
        } else if self.n > n || head != self.head.as_slice() {
            Err(Broken::Changed { n: self.n })
        } else {
            Ok(())
        }
    }
}

/// Checks a tenant's whole chain, a thousand entries at a time.
///
/// # Errors
/// Whatever the store says; a broken chain is a [`Verdict`], not an error.
pub async fn verify(scope: &mut crate::db::Scope) -> Result<Verdict, crate::db::DbError> {
    let mut walk = Walk::new(scope.tenant().0);
    loop {
        let links = super::store::links(scope, walk.n(), 1000).await?;
        if links.is_empty() {
            break;
        }
        for link in &links {
            if let Err(broken) = walk.step(link) {
                return Ok(Verdict { entries: walk.n(), broken: Some(broken) });
            }
        }
    }
    let head = super::store::head(scope).await?;
    Ok(Verdict { entries: walk.n(), broken: walk.end(head.n, &head.hash).err() })
}
