use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_secret_survives_reopening_and_stands_nowhere_in_the_clear() {
    let folder = folder();
    Vault::open(folder.path()).unwrap().put("token", "omt_very_secret").unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("very_secret"), "a secret in the clear");
    }
    let again = Vault::open(folder.path()).unwrap();
    assert_eq!(again.get("token").unwrap().as_str(), "omt_very_secret");
    again.remove("token").unwrap();
    again.remove("token").unwrap();
    assert!(Vault::open(folder.path()).unwrap().get("token").is_none());
}

#[test]
#[cfg(unix)]
fn only_this_user_can_read_its_files() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    Vault::open(folder.path()).unwrap().put("a", "b").unwrap();
    for name in ["vault.json", "vault.key"] {
        let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn another_key_or_a_flipped_bit_opens_nothing_and_the_file_is_put_aside() {
    for break_it in ["key", "bit", "text"] {
        let folder = folder();
        Vault::open(folder.path()).unwrap().put("a", "b").unwrap();
        match break_it {
            "key" => std::fs::write(folder.path().join("vault.key"), [7; 32]).unwrap(),
            "text" => std::fs::write(folder.path().join("vault.json"), b"<html>").unwrap(),
            _ => {
                let text = std::fs::read_to_string(folder.path().join("vault.json")).unwrap();
                let mut sealed: Sealed = serde_json::from_str(&text).unwrap();
                let mut bytes = STANDARD.decode(&sealed.sealed).unwrap();
                bytes[0] ^= 1;
                sealed.sealed = STANDARD.encode(bytes);
                std::fs::write(folder.path().join("vault.json"), serde_json::to_vec(&sealed).unwrap()).unwrap();
            }
        }
        let vault = Vault::open(folder.path()).unwrap();
        assert!(vault.get("a").is_none(), "{break_it}");
        assert!(folder.path().join("vault.unreadable").exists(), "{break_it}");
        vault.put("a", "again").unwrap();
        assert_eq!(Vault::open(folder.path()).unwrap().get("a").unwrap().as_str(), "again", "{break_it}");
    }
}
