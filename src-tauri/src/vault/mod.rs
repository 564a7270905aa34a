//! The vault: tokens and keys, which the WebView never sees.
//!
//! `vault.json` holds one AES-256-GCM seal over all entries, `vault.key` the key; both are readable
//! by this user only. That keeps tokens out of backups of the one file, out of the replicas, out of
//! logs and out of the reach of other users of the machine. It does not keep them from a program
//! that runs as the same user, nor from somebody who holds the unlocked disk: both files lie side by side.
//!
//! Deliberately not here: the operating system's keychain, which will hold the key where there is one.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use aes_gcm::{Aes256Gcm, KeyInit, Nonce, aead::{Aead, Payload}};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::{chance, files};

#[cfg(test)]
mod tests;

/// Binds a seal to its purpose and format.
const PURPOSE: &[u8] = b"omniot vault 1";

/// A sealed text as it stands in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    version: u8,
    nonce: String,
    sealed: String,
}

/// Tokens and keys by name.
pub struct Vault {
    path: PathBuf,
    key: Zeroizing<[u8; 32]>,
    entries: Mutex<BTreeMap<String, Zeroizing<String>>>,
}

impl Vault {
    /// Opens the vault in `folder`, making key and file when they are missing.
    ///
    /// A vault that the key does not open (another key, a damaged file) is put aside as
    /// `vault.unreadable` and an empty one is begun: people sign in again, nothing else is lost.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let key = key(&folder.join("vault.key"))?;
        let path = folder.join("vault.json");
        let entries = match files::read(&path)? {
            None => BTreeMap::new(),
            Some(text) => match unseal(&key, &text) {
                Some(entries) => entries,
                None => {
                    tracing::warn!(path = %path.display(), "the vault cannot be opened with its key; people sign in again");
                    std::fs::rename(&path, folder.join("vault.unreadable"))?;
                    BTreeMap::new()
                }
            },
        };
        Ok(Self { path, key, entries: Mutex::new(entries) })
    }

    /// The secret of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Zeroizing<String>> {
        self.entries().get(name).cloned()
    }

    /// Keeps a secret; it is on the disk when this returns.
    ///
    /// # Errors
    /// What the operating system says; the vault is then as it was.
    pub fn put(&self, name: &str, secret: &str) -> io::Result<()> {
        self.change(|entries| {
            entries.insert(name.to_owned(), Zeroizing::new(secret.to_owned()));
        })
    }

    /// The names of all secrets.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.entries().keys().cloned().collect()
    }

    /// Forgets a secret; an unknown name is fine.
    ///
    /// # Errors
    /// What the operating system says; the vault is then as it was.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        if self.get(name).is_none() {
            return Ok(());
        }
        self.change(|entries| {
            entries.remove(name);
        })
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<String, Zeroizing<String>>)) -> io::Result<()> {
        let mut entries = self.entries();
        let mut changed = entries.clone();
        change(&mut changed);
        files::replace(&self.path, &seal(&self.key, &changed)?)?;
        *entries = changed;
        Ok(())
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Zeroizing<String>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").field("path", &self.path).finish_non_exhaustive()
    }
}

fn key(path: &Path) -> io::Result<Zeroizing<[u8; 32]>> {
    if let Some(mut bytes) = files::read(path)? {
        let key = <[u8; 32]>::try_from(bytes.as_slice()).map(Zeroizing::new);
        bytes.zeroize();
        if let Ok(key) = key {
            return Ok(key);
        }
        tracing::warn!(path = %path.display(), "the vault's key is damaged; a new one is made");
    }
    let key = Zeroizing::new(chance::bytes::<32>());
    files::replace(path, key.as_slice())?;
    Ok(key)
}

fn seal(key: &[u8; 32], entries: &BTreeMap<String, Zeroizing<String>>) -> io::Result<Vec<u8>> {
    let plain: BTreeMap<&str, &str> = entries.iter().map(|(name, secret)| (name.as_str(), secret.as_str())).collect();
    let plain = Zeroizing::new(serde_json::to_vec(&plain)?);
    let nonce = chance::bytes::<12>();
    let sealed = Aes256Gcm::new(key.into())
        .encrypt(&Nonce::from(nonce), Payload { msg: &plain, aad: PURPOSE })
        .map_err(|_| io::Error::other("the vault could not be sealed"))?;
    Ok(serde_json::to_vec(&Sealed { version: 1, nonce: STANDARD.encode(nonce), sealed: STANDARD.encode(sealed) })?)
}

fn unseal(key: &[u8; 32], text: &[u8]) -> Option<BTreeMap<String, Zeroizing<String>>> {
    let sealed: Sealed = serde_json::from_slice(text).ok().filter(|sealed: &Sealed| sealed.version == 1)?;
    let nonce = <[u8; 12]>::try_from(STANDARD.decode(sealed.nonce).ok()?).ok()?;
    let sealed = STANDARD.decode(sealed.sealed).ok()?;
    let plain = Aes256Gcm::new(key.into()).decrypt(&Nonce::from(nonce), Payload { msg: &sealed, aad: PURPOSE }).ok()?;
    let plain = Zeroizing::new(plain);
    let entries: BTreeMap<String, String> = serde_json::from_slice(&plain).ok()?;
    Some(entries.into_iter().map(|(name, secret)| (name, Zeroizing::new(secret))).collect())
}
