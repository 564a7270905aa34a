//! What is printed is what the app reads: the QR codes are decoded from the pages themselves.

use ed25519_dalek::SigningKey;
use omniot_shared::{
    claim::PublicKey,
    label::{self, ClaimCode, Label, Network, Pop, Scanned},
};

use super::{
    batch::{self, Item},
    sheet::{self, Grid, SheetError},
};

const GRID: Grid = Grid { columns: 2, rows: 7 };
/// Pixels of a module.
const SCALE: usize = 4;

fn key(n: u8) -> PublicKey {
    PublicKey::of(&SigningKey::from_bytes(&[n; 32]))
}

fn table(count: u8) -> String {
    let rows = (1..=count).map(|n| format!("OM-{n:04},k7Qm2xW9pLr4Zt{n:02},omniot,2,{},\"Sense & Co <3, \"\"one\"\"\"\n", hex::encode(key(n).0)));
    std::iter::once("serial,pop,username,security,public_key,product\n".to_owned()).chain(rows).collect()
}

/// The numbers of a path that is made of runs: `M x y h length v1 h-length z`.
fn runs(path: &str) -> impl Iterator<Item = (usize, usize, usize)> {
    path.split('M').skip(1).map(|run| {
        let mut numbers = run.split(|c: char| !c.is_ascii_digit()).filter(|text| !text.is_empty()).map(|text| text.parse().unwrap());
        (numbers.next().unwrap(), numbers.next().unwrap(), numbers.next().unwrap())
    })
}

/// What a camera would read of a page.
fn scanned(page: &str) -> Vec<String> {
    let paths = page.split(" d=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    paths
        .map(|path| {
            let side = runs(path).map(|(x, _, length)| x + length).max().unwrap() + 4;
            let mut dark = vec![false; side * side];
            for (x, y, length) in runs(path) {
                dark[y * side + x..y * side + x + length].fill(true);
            }
            let mut image = rqrr::PreparedImage::prepare_from_greyscale(side * SCALE, side * SCALE, |x, y| if dark[y / SCALE * side + x / SCALE] { 0 } else { 255 });
            let grids = image.detect_grids();
            assert_eq!(grids.len(), 1, "one code in its quiet zone");
            grids[0].decode().unwrap().1
        })
        .collect()
}

fn read(text: &str) -> Label {
    match label::read(text) {
        Ok(Scanned::Label(label)) => *label,
        _ => panic!("{text}"),
    }
}

fn pages(items: &[Item]) -> Vec<String> {
    sheet::pages(items, "OmnIoT", GRID).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn what_a_camera_reads_is_the_label_of_each_device() {
    let items = batch::read(&table(16)).unwrap();
    let pages = pages(&items);
    assert_eq!(pages.len(), 2, "fourteen on the first page");
    let labels: Vec<Label> = pages.iter().flat_map(|page| scanned(page)).map(|text| read(&text)).collect();
    assert_eq!(labels.len(), 16);
    for (n, label) in (1..).zip(&labels) {
        let pinned = label.pinned.as_ref().unwrap();
        assert_eq!((pinned.serial.as_str(), pinned.key, pinned.code), (format!("OM-{n:04}").as_str(), key(n).fingerprint(), ClaimCode::of(key(n))));
        assert_eq!(label.pop.as_ref().map(Pop::reveal), Some(format!("k7Qm2xW9pLr4Zt{n:02}").as_str()));
        assert_eq!((label.security, label.username.as_deref()), (Some(2), Some("omniot")));
    }
}

#[test]
fn what_can_be_typed_stands_beside_it_and_no_text_becomes_a_tag() {
    let page = pages(&batch::read(&table(1)).unwrap()).remove(0);
    for text in ["OM-0001", &ClaimCode::of(key(1)).to_string(), "k7Qm2xW9pLr4Zt01", "Sense &amp; Co &lt;3, \"one\""] {
        assert!(page.contains(&format!(">{text}</text>")), "{text} in {page}");
    }
    let plain = pages(&batch::read("serial,name,network,pop\nS-1,PROV_AABBCC,thread,abcd1234\n").unwrap()).remove(0);
    assert!(plain.contains(">OmnIoT</text>") && plain.contains(">PROV_AABBCC</text>") && !plain.contains(">Code</text>"));
    assert_eq!(read(&scanned(&plain)[0]).network, Network::Thread);
}

#[test]
fn the_labels_of_a_fleet_are_a_batch_too() {
    let items = batch::read(&table(3)).unwrap();
    let lines: String = items.iter().map(|item| format!("{}\t{}\n", item.serial, item.label.to_json())).collect();
    let again = batch::read(&lines).unwrap();
    assert_eq!(again.len(), 3);
    assert!(again.iter().zip(&items).all(|(again, item)| again.label == item.label && again.serial == item.serial));
}

#[test]
fn a_batch_that_cannot_be_printed_names_its_line_and_no_secret() {
    for (text, says) in [
        ("", "no devices"),
        ("serial\n", "no devices"),
        ("serial,tea\nS-1,x\n", "tea"),
        ("pop\nsecret-1\n", "serial"),
        ("serial,pop\nS-1\n", "line 2"),
        ("serial,pop\nS-1,x\nS-2,secret-1,y\n", "line 3"),
        ("serial,pop\nS-1,x\ns-1,secret-1\n", "line 3: the serial number s-1 is there twice"),
        ("serial,security\nS-1,9\n", "line 2"),
        ("serial,security\nS-1,two\n", "line 2: `security`"),
        ("serial,network\nS-1,lora\n", "line 2: `network`"),
        ("serial,public_key\nS-1,abcd\n", "line 2: `public_key`"),
        ("serial\n\"S \u{1}1\"\n", "line 2: `serial`"),
        ("serial,name\nS-1,a name that is longer than an advert\n", "line 2"),
        ("S-1\t{\"name\":\"S-1\",\"pop\":\"secret-1\",\"security\":7}\n", "line 1"),
        ("S-1\t{\"name\":\"S-1\"}\nS-2 secret-1\n", "line 2: `label`"),
    ] {
        let why = batch::read(text).err().unwrap_or_else(|| panic!("{text:?} must be refused")).to_string();
        assert!(why.contains(says) && !why.contains("secret-1"), "{text:?}: {why}");
    }
}

#[test]
fn a_code_that_no_phone_could_read_is_not_printed() {
    let items = batch::read(&table(1)).unwrap();
    let refused = |columns, rows| sheet::pages(&items, "", Grid { columns, rows }).unwrap_err();
    assert!(matches!(refused(6, 20), SheetError::TooSmall { columns: 6, rows: 20, .. }));
    assert!(matches!(refused(0, 3), SheetError::NoCells));
}

proptest::proptest! {
    #[test]
    fn any_batch_is_read_or_refused_with_its_line(text in "(serial|name|pop|security|network|public_key|,|\"|\n|\t|\\{|\\}|[ -~]){0,80}") {
        if let Ok(items) = batch::read(&text) {
            proptest::prop_assert!(!items.is_empty());
        }
    }
}
