//! What may happen in the simulated world, and how often.
//!
//! Deliberately not here: what it does (`world`).

use proptest::prelude::*;

/// Tablets, with copies of them.
pub const MOST_TABLETS: usize = 4;
/// Ten, in hours: a clock is never further off.
const YEARS: i32 = 10 * 365 * 24;

/// What somebody does.
#[derive(Debug, Clone)]
pub enum Edit {
    CreateSite,
    RenameSite(u8),
    NoteSite(u8),
    /// So much that two such do not fit into one.
    NoteMuch(u8),
    CreateDevice { serial: u8, site: u8 },
    ChangeDevice { serial: u8, site: u8 },
    RetireDevice(u8),
    Attempt { serial: u8, site: u8, epoch: u8, succeeded: bool },
    Bookmark { serial: u8, noted: bool },
    Unmark(u8),
}

/// One step of the world.
#[derive(Debug, Clone)]
pub enum Event {
    Edit { tablet: u8, edit: Edit },
    Staff(Edit),
    /// One tablet notes something at a site, another one does, and that one once more; whether it has pulled what the first
    /// one noted by then.
    Notes { once: u8, twice: u8, site: u8, is_pulled: bool },
    /// One tablet notes something at a site, which the server puts off, and once more, which waits.
    PutOff { tablet: u8, site: u8 },
    /// What was noted at a site since the last copy of the store is lost, with a tablet having seen it; others note something
    /// there in the new life, and so does that tablet, which has been greeted and has not pulled.
    LostPast { tablet: u8, site: u8 },
    /// One tablet notes something at a site where somebody else has a moment before, and hears of what was before both after
    /// it was answered.
    Overtaken { tablet: u8, site: u8 },
    /// Somebody keeps a list of their own, and their tablet fetches everything anew.
    Anew { tablet: u8, serial: u8 },
    Erase(u8),
    /// Who is a technician now, and who an admin.
    ChangeRole { tablet: u8, demoted: bool },
    /// What that tablet's person sees: everything, or every site whose bit is set.
    Show { tablet: u8, sites: Option<u8> },
    /// Departures of some time ago are forgotten.
    Compact,
    /// That tablet is poked, with what the last so many sequences brought; 0: all that came after its cursor.
    Poke { tablet: u8, last: u8 },
    /// The server does not know this kind for now.
    Forget(Option<u8>),
    Push(u8),
    Pull(u8),
    Deliver { message: u8, and_again: bool },
    Lose(u8),
    Cut { message: u8, after: u8 },
    Crash(u8),
    CrashInNext { tablet: u8, after: u8 },
    Requeue(u8),
    Attention(u8),
    Pass(u32),
    /// The tablet and the server introduce themselves to each other.
    Hello(u8),
    /// The tablet's file is copied to another one, and both go on with it.
    Copy(u8),
    /// The server's store is copied.
    Backup,
    /// The last such copy is put back: what came after it is lost.
    PutBack,
    /// The tablet's clock is set: so far ahead, in hours.
    SetClock { tablet: u8, ahead: i32 },
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        3 => Just(Edit::CreateSite),
        4 => any::<u8>().prop_map(Edit::RenameSite),
        2 => any::<u8>().prop_map(Edit::NoteSite),
        1 => any::<u8>().prop_map(Edit::NoteMuch),
        3 => (0u8..4, any::<u8>()).prop_map(|(serial, site)| Edit::CreateDevice { serial, site }),
        5 => (0u8..4, any::<u8>()).prop_map(|(serial, site)| Edit::ChangeDevice { serial, site }),
        1 => (0u8..4).prop_map(Edit::RetireDevice),
        3 => (0u8..4, any::<u8>(), 1u8..4, any::<bool>()).prop_map(|(serial, site, epoch, succeeded)| Edit::Attempt { serial, site, epoch, succeeded }),
        3 => (0u8..4, any::<bool>()).prop_map(|(serial, noted)| Edit::Bookmark { serial, noted }),
        1 => (0u8..4).prop_map(Edit::Unmark),
    ]
}

pub fn event() -> impl Strategy<Value = Event> {
    let tablet = 0..MOST_TABLETS as u8;
    prop_oneof![
        16 => (tablet.clone(), edit()).prop_map(|(tablet, edit)| Event::Edit { tablet, edit }),
        2 => (tablet.clone(), tablet.clone(), any::<u8>(), any::<bool>()).prop_map(|(once, twice, site, is_pulled)| Event::Notes { once, twice, site, is_pulled }),
        1 => (tablet.clone(), any::<u8>()).prop_map(|(tablet, site)| Event::PutOff { tablet, site }),
        1 => (tablet.clone(), any::<u8>()).prop_map(|(tablet, site)| Event::LostPast { tablet, site }),
        1 => (tablet.clone(), any::<u8>()).prop_map(|(tablet, site)| Event::Overtaken { tablet, site }),
        1 => (tablet.clone(), 0u8..4).prop_map(|(tablet, serial)| Event::Anew { tablet, serial }),
        5 => edit().prop_map(Event::Staff),
        2 => (0u8..4, any::<u8>()).prop_map(|(serial, site)| Event::Staff(Edit::CreateDevice { serial, site })),
        3 => (0u8..4, any::<u8>()).prop_map(|(serial, site)| Event::Staff(Edit::ChangeDevice { serial, site })),
        3 => any::<u8>().prop_map(Event::Erase),
        1 => (tablet.clone(), any::<bool>()).prop_map(|(tablet, demoted)| Event::ChangeRole { tablet, demoted }),
        6 => (tablet.clone(), proptest::option::of(any::<u8>())).prop_map(|(tablet, sites)| Event::Show { tablet, sites }),
        2 => Just(Event::Compact),
        2 => (tablet.clone(), 0u8..4).prop_map(|(tablet, last)| Event::Poke { tablet, last }),
        1 => proptest::option::of(0u8..12).prop_map(Event::Forget),
        8 => tablet.clone().prop_map(Event::Push),
        8 => tablet.clone().prop_map(Event::Pull),
        24 => (any::<u8>(), proptest::bool::weighted(0.2)).prop_map(|(message, and_again)| Event::Deliver { message, and_again }),
        2 => any::<u8>().prop_map(Event::Lose),
        6 => (any::<u8>(), 0u8..6).prop_map(|(message, after)| Event::Cut { message, after }),
        1 => tablet.clone().prop_map(Event::Crash),
        3 => (tablet.clone(), 0u8..24).prop_map(|(tablet, after)| Event::CrashInNext { tablet, after }),
        1 => tablet.clone().prop_map(Event::Requeue),
        1 => tablet.clone().prop_map(Event::Attention),
        2 => (1u32..100_000).prop_map(Event::Pass),
        3 => tablet.clone().prop_map(Event::Hello),
        1 => tablet.clone().prop_map(Event::Copy),
        2 => Just(Event::Backup),
        1 => Just(Event::PutBack),
        2 => (tablet, -YEARS..YEARS).prop_map(|(tablet, ahead)| Event::SetClock { tablet, ahead }),
    ]
}
