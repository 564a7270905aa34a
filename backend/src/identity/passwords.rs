//! Hashing and checking of passwords: argon2id on blocking threads, a bounded number at a time.
//!
//! [`Passwords::verify`] always does the whole work, also when there is no account, so that
//! "unknown" and "wrong" take the same time. Deliberately not here: which passwords are good
//! enough (`rules`) and how often one may try (`throttle`).

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::sync::Semaphore;

/// How expensive a hash is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordConfig {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
    /// Hashes computed at the same time in this process; the others wait.
    pub concurrency: usize,
}

impl Default for PasswordConfig {
    /// OWASP's first choice for argon2id: 19 MiB, 2 passes, 1 lane.
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2, lanes: 1, concurrency: 4 }
    }
}

impl PasswordConfig {
    /// The cheapest that argon2 allows: for tests and demo data that need many people fast.
    #[must_use]
    pub const fn cheapest() -> Self {
        Self { memory_kib: 8, passes: 1, lanes: 1, concurrency: 4 }
    }
}

/// Why a password could not be hashed or checked. Never says anything about the password.
#[derive(Debug, thiserror::Error)]
pub enum PasswordFailure {
    /// The configured cost is outside of what argon2 allows.
    #[error("argon2 refuses the parameters: {0}")]
    Parameters(String),
    /// The hasher itself failed.
    #[error("argon2 failed: {0}")]
    Hash(String),
    /// The process is going down.
    #[error("the hashing thread is gone")]
    Gone,
}

/// The hasher of this process.
#[derive(Debug)]
pub struct Passwords {
    argon2: Argon2<'static>,
    /// Checked when there is no account: nobody knows its password.
    dummy: Arc<str>,
    slots: Arc<Semaphore>,
    dummies: AtomicU64,
}

impl Passwords {
    /// A hasher of that cost.
    ///
    /// # Errors
    /// When argon2 refuses the parameters.
    pub fn new(config: PasswordConfig) -> Result<Self, PasswordFailure> {
        let params = Params::new(config.memory_kib, config.passes, config.lanes, None).map_err(|e| PasswordFailure::Parameters(e.to_string()))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let unguessable: [u8; 32] = rand::random();
        let dummy = argon2.hash_password(&unguessable).map_err(|e| PasswordFailure::Hash(e.to_string()))?.to_string();
        Ok(Self { argon2, dummy: dummy.into(), slots: Arc::new(Semaphore::new(config.concurrency.max(1))), dummies: AtomicU64::new(0) })
    }

    /// The PHC string of `password` with a fresh salt.
    ///
    /// # Errors
    /// When the hasher fails; it never does for a password of the allowed length.
    pub async fn hash(&self, password: &str) -> Result<String, PasswordFailure> {
        let (argon2, password) = (self.argon2.clone(), password.to_owned());
        self.blocking(move || argon2.hash_password(password.as_bytes()).map(|hash| hash.to_string()).map_err(|e| PasswordFailure::Hash(e.to_string()))).await?
    }

    /// Whether `password` is the one behind `stored`. Without `stored` (no such account) the
    /// dummy is checked instead and the answer is no, after the same work.
    ///
    /// # Errors
    /// When the process is going down. An unreadable stored hash is logged and answers no.
    pub async fn verify(&self, password: &str, stored: Option<&str>) -> Result<bool, PasswordFailure> {
        if stored.is_none() {
            self.dummies.fetch_add(1, Ordering::Relaxed);
        }
        let known = stored.is_some();
        let (argon2, password) = (self.argon2.clone(), password.to_owned());
        let hash: Arc<str> = stored.map_or_else(|| Arc::clone(&self.dummy), Into::into);
        let matches = self
            .blocking(move || match PasswordHash::new(&hash) {
                Ok(hash) => argon2.verify_password(password.as_bytes(), &hash).is_ok(),
                Err(error) => {
                    tracing::error!(%error, "a stored password hash cannot be read");
                    false
                }
            })
            .await?;
        Ok(matches && known)
    }

    /// How often the dummy was checked since the start: one for each sign-in without an account.
    #[must_use]
    pub fn dummy_checks(&self) -> u64 {
        self.dummies.load(Ordering::Relaxed)
    }

    async fn blocking<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, PasswordFailure> {
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|_| PasswordFailure::Gone)?;
        tokio::task::spawn_blocking(move || {
            let _slot = slot;
            work()
        })
        .await
        .map_err(|_| PasswordFailure::Gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passwords() -> Passwords {
        Passwords::new(PasswordConfig::cheapest()).expect("the cheapest parameters are allowed")
    }

    #[tokio::test]
    async fn only_the_right_password_is_accepted() {
        let passwords = passwords();
        let hash = passwords.hash("correct horse").await.expect("hashes");
        assert!(hash.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{hash}");
        assert!(passwords.verify("correct horse", Some(&hash)).await.expect("verifies"));
        assert!(!passwords.verify("Correct horse", Some(&hash)).await.expect("verifies"));
        assert!(!passwords.verify("correct horse", Some("not a hash")).await.expect("verifies"));
    }

    #[tokio::test]
    async fn an_unknown_account_costs_a_dummy_check_and_is_refused() {
        let passwords = passwords();
        assert!(!passwords.verify("anything", None).await.expect("verifies"));
        assert_eq!(passwords.dummy_checks(), 1);
    }

    #[tokio::test]
    async fn a_hash_made_with_other_parameters_still_verifies() {
        let old = Passwords::new(PasswordConfig { memory_kib: 16, passes: 2, ..PasswordConfig::cheapest() }).expect("allowed");
        let hash = old.hash("a long password").await.expect("hashes");
        assert!(passwords().verify("a long password", Some(&hash)).await.expect("verifies"), "raising the cost must not lock people out");
    }

    #[test]
    fn the_default_cost_is_the_recommended_one() {
        let PasswordConfig { memory_kib, passes, lanes, .. } = PasswordConfig::default();
        assert_eq!((memory_kib, passes, lanes), (19_456, 2, 1));
    }

    #[test]
    fn impossible_parameters_are_an_error_and_not_a_panic() {
        assert!(matches!(Passwords::new(PasswordConfig { memory_kib: 0, ..PasswordConfig::default() }), Err(PasswordFailure::Parameters(_))));
    }
}
