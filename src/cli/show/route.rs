//! The screen of `route`: a line for each hop, and below it what is wrong there.

use super::screen::Screen;
use super::terminal::Mark;
use crate::model::route::{Hop, Way};

/// Width of a hop's name.
const NAME: usize = 11;
/// Width of a hop's value before its places.
const VALUE: usize = 36;

/// Shows the way of a message.
pub fn way(screen: &Screen, way: &Way) {
    screen.line("", &format!("{} → {}", way.from, way.to));
    for hop in way.hops.iter().filter(|hop| hop.is_shown()) {
        line(screen, hop);
        for fault in &hop.faults {
            screen.marked(if fault.stops { Mark::Bad } else { Mark::Warning }, &fault.text, 2);
            screen.below(&format!("-> {}", fault.remedy));
        }
        for note in &hop.notes {
            screen.marked(Mark::Note, note, 2);
        }
    }
    screen.write("\n");
    let seen = &way.seen;
    match &way.relay {
        _ if way.is_blocked() => screen.line("", "this message would not leave"),
        None => screen.line("", "this message would not leave by SMTP"),
        Some(relay) => {
            let text = format!("{} would see mail from {} to {}", relay.text, seen.sender, seen.recipient);
            screen.line("", &text);
        }
    }
}

/// A hop: what, the value, and where it is decided.
fn line(screen: &Screen, hop: &Hop) {
    let places = hop.places();
    let text = if places.is_empty() { hop.value.clone() } else { format!("{:<VALUE$}  {places}", hop.value) };
    screen.line(&format!("  {:<NAME$}", hop.name), &text);
}
