//! What can be done to a request: to its tree, so that most of it stays readable, and to its bytes.

use proptest::{prelude::*, sample::Index};
use serde_json::Value;

/// JSON as text that may be wrong: members may be there twice, words may be anything.
#[derive(Debug, Clone)]
pub enum Node {
    /// Anything without parts, as its text.
    Word(String),
    /// Items.
    List(Vec<Node>),
    /// Named members.
    Members(Vec<(String, Node)>),
}

impl Node {
    /// As it is.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Array(items) => Self::List(items.iter().map(Self::of).collect()),
            Value::Object(members) => Self::Members(members.iter().map(|(name, member)| (name.clone(), Self::of(member))).collect()),
            word => Self::Word(word.to_string()),
        }
    }

    /// The text, as it is sent.
    pub fn text(&self) -> String {
        let list = |parts: Vec<String>| parts.join(",");
        match self {
            Self::Word(word) => word.clone(),
            Self::List(items) => format!("[{}]", list(items.iter().map(Self::text).collect())),
            Self::Members(members) => format!("{{{}}}", list(members.iter().map(|(name, member)| format!("\"{name}\":{}", member.text())).collect())),
        }
    }

    fn children(&mut self) -> Vec<&mut Self> {
        match self {
            Self::Word(_) => vec![],
            Self::List(items) => items.iter_mut().collect(),
            Self::Members(members) => members.iter_mut().map(|(_, member)| member).collect(),
        }
    }

    /// All nodes that `wanted` takes, with the paths to them.
    fn paths(&mut self, wanted: &impl Fn(&Self) -> bool) -> Vec<Vec<usize>> {
        let mut paths = if wanted(self) { vec![vec![]] } else { vec![] };
        for (n, child) in self.children().into_iter().enumerate() {
            paths.extend(child.paths(wanted).into_iter().map(|path| [vec![n], path].concat()));
        }
        paths
    }

    fn at(&mut self, path: &[usize]) -> Option<&mut Self> {
        match path.split_first() {
            None => Some(self),
            Some((first, rest)) => self.children().into_iter().nth(*first)?.at(rest),
        }
    }

    /// One of the nodes that `wanted` takes.
    fn one(&mut self, which: Index, wanted: impl Fn(&Self) -> bool) -> Option<&mut Self> {
        let paths = self.paths(&wanted);
        if paths.is_empty() { None } else { self.at(which.get::<Vec<usize>>(&paths)) }
    }

    fn member(&mut self, name: &str) -> Option<&mut Self> {
        match self {
            Self::Members(members) => members.iter_mut().find(|(own, _)| own == name).map(|(_, member)| member),
            _ => None,
        }
    }

    fn intents(&mut self) -> Option<&mut Vec<Self>> {
        match self.member("intents")? {
            Self::List(intents) => Some(intents),
            _ => None,
        }
    }

    fn number_anew(&mut self, first: u64) {
        for (intent, n) in self.intents().into_iter().flatten().zip(first..) {
            if let Some(number) = intent.member("n") {
                *number = Self::Word(n.to_string());
            }
        }
    }

    const fn is_word(&self) -> bool {
        matches!(self, Self::Word(_))
    }
}

/// Words that JSON, Rust or a store may choke on.
const ODD: [&str; 30] = [
    "null", "true", "0", "-1", "1", "-0.0", "1e308", "1e-400", "4294967296", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "18446744073709551615",
    "123456789012345678901234567890", "\"\"", "\" \"", "\"\\u0000\"", "\"\\ud800\"", "\"\\u202e\\uffff\"", "\"'; drop table site; --\"", "\"%_\\\\\"", "\"\u{1f6f0}\u{301}\"",
    "[]", "{}", "[null]", "NaN", "tru", "\"", "{\"kind\":\"site.create\"}", "\"sit_ffffffffffffffffffffffffffffffff\"",
];

/// Something done to the tree.
#[derive(Debug, Clone)]
pub enum Twist {
    /// A word in the place of any node.
    Odd(Index, &'static str),
    /// A word in the place of a word.
    OddWord(Index, &'static str),
    /// A text of that many characters.
    Long(Index, usize),
    /// A number of that many digits.
    Digits(Index, usize),
    /// Lists in lists.
    Deep(Index, usize),
    /// An id of somebody else's.
    Foreign(Index, Index),
    /// A member or an item is not there.
    Drop(Index, Index),
    /// A member or an item is there twice.
    Twice(Index, Index),
    /// Items or members the other way round.
    Reverse(Index),
    /// A member nobody knows.
    Stranger(Index),
    /// Two nodes change places.
    Swap(Index, Index),
    /// An intent comes again under the next number.
    Again(Index),
    /// An intent is not there.
    Missing(Index),
    /// Intents the other way round.
    Backwards,
    /// Numbers from here.
    From(u64),
    /// An intent depends on another, or on itself.
    Depends(Index, Index),
    /// A newer app.
    Newer,
    /// So many intents.
    Many(usize),
}

/// Any of them.
pub fn twist() -> impl Strategy<Value = Twist> {
    let index = any::<Index>;
    let odd = || prop::sample::select(ODD.to_vec());
    prop_oneof![
        2 => (index(), odd()).prop_map(|(at, odd)| Twist::Odd(at, odd)),
        6 => (index(), odd()).prop_map(|(at, odd)| Twist::OddWord(at, odd)),
        1 => (index(), prop::sample::select(vec![121, 2_001, 20_000, 300_000])).prop_map(|(at, length)| Twist::Long(at, length)),
        1 => (index(), 20..3_000_usize).prop_map(|(at, length)| Twist::Digits(at, length)),
        1 => (index(), prop::sample::select(vec![20, 127, 128, 1_000, 100_000])).prop_map(|(at, depth)| Twist::Deep(at, depth)),
        3 => (index(), index()).prop_map(|(at, which)| Twist::Foreign(at, which)),
        2 => (index(), index()).prop_map(|(at, which)| Twist::Drop(at, which)),
        2 => (index(), index()).prop_map(|(at, which)| Twist::Twice(at, which)),
        1 => index().prop_map(Twist::Reverse),
        1 => index().prop_map(Twist::Stranger),
        2 => (index(), index()).prop_map(|(one, other)| Twist::Swap(one, other)),
        4 => index().prop_map(Twist::Again),
        5 => index().prop_map(Twist::Missing),
        1 => Just(Twist::Backwards),
        1 => prop::sample::select(vec![0, 1, 2, 3, 4, i64::MAX as u64 - 1, u64::MAX - 9_999]).prop_map(Twist::From),
        3 => (index(), index()).prop_map(|(child, parent)| Twist::Depends(child, parent)),
        2 => Just(Twist::Newer),
        1 => prop::sample::select(vec![100, 500, 501, 5_000]).prop_map(Twist::Many),
    ]
}

impl Twist {
    /// `foreign`: ids of somebody else's, as words.
    pub fn apply(&self, tree: &mut Node, foreign: &[String]) {
        let put = |node: Option<&mut Node>, word: String| {
            if let Some(node) = node {
                *node = Node::Word(word);
            }
        };
        match self {
            Self::Odd(at, odd) => put(tree.one(*at, |_| true), (*odd).to_owned()),
            Self::OddWord(at, odd) => put(tree.one(*at, Node::is_word), (*odd).to_owned()),
            Self::Long(at, length) => put(tree.one(*at, Node::is_word), format!("\"{}\"", "ä".repeat(*length))),
            Self::Digits(at, length) => put(tree.one(*at, Node::is_word), "9".repeat(*length)),
            Self::Deep(at, depth) => put(tree.one(*at, |_| true), format!("{}{}", "[".repeat(*depth), "]".repeat(*depth))),
            Self::Foreign(at, which) => put(tree.one(*at, |node| matches!(node, Node::Word(word) if word.contains('_'))), which.get(foreign).clone()),
            Self::Drop(at, which) => within(tree.one(*at, |node| !node.is_word()), *which, |items, n| drop(items.remove(n))),
            Self::Twice(at, which) => within(tree.one(*at, |node| !node.is_word()), *which, |items, n| items.insert(n, items[n].clone())),
            Self::Reverse(at) => within(tree.one(*at, |node| !node.is_word()), *at, |items, _| items.reverse()),
            Self::Stranger(at) => {
                if let Some(Node::Members(members)) = tree.one(*at, |node| matches!(node, Node::Members(_))) {
                    members.push(("moon".to_owned(), Node::Word("[1]".to_owned())));
                }
            }
            Self::Swap(one, other) => {
                let taken = tree.one(*other, Node::is_word).map(|node| node.text());
                if let (Some(taken), Some(node)) = (taken, tree.one(*one, |_| true)) {
                    *node = Node::Word(taken);
                }
            }
            Self::Again(which) => {
                let first = tree.intents().and_then(|intents| intents.first_mut()).and_then(|intent| intent.member("n")).and_then(|n| n.text().parse().ok());
                if let Some(intents) = tree.intents().filter(|intents| !intents.is_empty()) {
                    intents.push(which.get(intents).clone());
                    tree.number_anew(first.unwrap_or(3));
                }
            }
            Self::Missing(which) => {
                if let Some(intents) = tree.intents().filter(|intents| !intents.is_empty()) {
                    intents.remove(which.index(intents.len()));
                }
            }
            Self::Backwards => tree.intents().into_iter().for_each(|intents| intents.reverse()),
            Self::From(first) => tree.number_anew(*first),
            Self::Depends(child, parent) => depend(tree, *child, *parent),
            Self::Newer => put(tree.member("schema"), "2".to_owned()),
            Self::Many(count) => {
                if let Some(intents) = tree.intents().filter(|intents| !intents.is_empty()) {
                    *intents = intents.iter().cycle().take(*count).cloned().collect();
                    tree.number_anew(3);
                }
            }
        }
    }
}

fn depend(tree: &mut Node, child: Index, parent: Index) {
    let Some(intents) = tree.intents().filter(|intents| !intents.is_empty()) else { return };
    let mut parent = parent.get(intents).clone();
    let id = parent.member("id").map(|id| id.text());
    let at = child.index(intents.len());
    if let (Some(id), Some(depends_on)) = (id, intents[at].member("depends_on")) {
        *depends_on = Node::Word(format!("[{id},{id}]"));
    }
}

/// Does something to the items of a list, or to the members of an object as if they were a list.
fn within(node: Option<&mut Node>, which: Index, act: impl FnOnce(&mut Vec<(String, Node)>, usize)) {
    match node {
        Some(Node::List(items)) if !items.is_empty() => {
            let mut named: Vec<_> = items.drain(..).map(|item| (String::new(), item)).collect();
            let n = which.index(named.len());
            act(&mut named, n);
            *items = named.into_iter().map(|(_, item)| item).collect();
        }
        Some(Node::Members(members)) if !members.is_empty() => {
            let n = which.index(members.len());
            act(members, n);
        }
        _ => {}
    }
}

/// Something done to the bytes.
#[derive(Debug, Clone)]
pub enum ByteTwist {
    /// The rest never comes.
    Cut(Index),
    /// One bit is another.
    Flip(Index, u8),
    /// A part comes twice, somewhere.
    Splice(Index, Index, usize),
    /// These bytes come in between.
    Insert(Index, Vec<u8>),
    /// So much white space at the end.
    Pad(usize),
}

/// Any of them.
pub fn byte_twist() -> impl Strategy<Value = ByteTwist> {
    let index = any::<Index>;
    prop_oneof![
        2 => index().prop_map(ByteTwist::Cut),
        4 => (index(), 0..8_u8).prop_map(|(at, bit)| ByteTwist::Flip(at, bit)),
        2 => (index(), index(), 1..200_usize).prop_map(|(from, to, length)| ByteTwist::Splice(from, to, length)),
        2 => (index(), prop::collection::vec(any::<u8>(), 1..12)).prop_map(|(at, bytes)| ByteTwist::Insert(at, bytes)),
        1 => prop::sample::select(vec![1, 300_000, 1_100_000]).prop_map(ByteTwist::Pad),
    ]
}

impl ByteTwist {
    /// Does it.
    pub fn apply(&self, body: &mut Vec<u8>) {
        let place = |at: &Index, body: &[u8]| at.index(body.len() + 1);
        match self {
            Self::Cut(at) => body.truncate(place(at, body)),
            Self::Flip(at, bit) if !body.is_empty() => {
                let at = at.index(body.len());
                body[at] ^= 1 << bit;
            }
            Self::Flip(..) => {}
            Self::Splice(from, to, length) => {
                let from = place(from, body);
                let part = body[from..body.len().min(from + length)].to_vec();
                let to = place(to, body);
                body.splice(to..to, part);
            }
            Self::Insert(at, bytes) => {
                let at = place(at, body);
                body.splice(at..at, bytes.iter().copied());
            }
            Self::Pad(length) => body.extend(std::iter::repeat_n(b' ', *length)),
        }
    }
}
