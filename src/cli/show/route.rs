//! The screen of `route`: a line for each hop, and below it what is wrong there.

use std::borrow::Cow;

use super::screen::Screen;
use super::terminal::{Mark, breaks};
use crate::model::route::{Hop, Way, shown};
use crate::model::text;
use crate::sys::output;

/// Width of what stands before a hop's value.
const HEAD: usize = 13;
/// Fewest columns for the places of a hop beside its value; with less room they stand below it.
const PLACES: usize = 32;
/// Most lines of places beside a value: a narrow column of more is hard to read.
const BESIDE: usize = 2;

/// Shows the way of a message.
pub fn way(screen: &Screen, way: &Way) {
    screen.line("", &format!("{} → {}", shown(&way.from), way.to));
    let hops: Vec<&Hop> = way.hops.iter().filter(|hop| hop.is_shown()).collect();
    let values = hops.iter().map(|hop| plain(&hop.value).chars().count());
    let width = screen.terminal.width;
    let column = values.max().unwrap_or_default().min(width.saturating_sub(HEAD + 2 + PLACES));
    for hop in hops {
        let (value, places) = (plain(&hop.value), plain(&hop.places()));
        for line in lines(hop.name, &value, &places, column, width) {
            screen.write(&format!("{line}\n"));
        }
        for fault in &hop.faults {
            screen.marked(if fault.stops { Mark::Bad } else { Mark::Warning }, &fault.text, 2);
            screen.remedy(&fault.remedy);
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
            let text =
                format!("{} would see mail from {} to {}", relay.text, shown(&seen.sender), seen.recipient);
            screen.line("", &text);
            if let Some(fallback) = &way.fallback {
                screen.line(
                    "",
                    &format!("if {} does not answer, Postfix tries {} next", relay.text, fallback.text),
                );
            }
        }
    }
}

/// Text with its passwords hidden. This comes before lines are broken: half a password would not be recognised.
fn plain(text: &str) -> String {
    output::without_passwords(&text::one_line(text))
}

/// A hop: what, the value, and where it is decided, side by side where there is room (`column`: that of the values), and
/// otherwise one below the other. Nothing is cut, and lines are broken at blanks only.
fn lines(name: &str, value: &str, places: &str, column: usize, width: usize) -> Vec<String> {
    let broken = |text: &str, width: usize| {
        textwrap::wrap(text, breaks(width.max(1))).into_iter().map(Cow::into_owned).collect::<Vec<_>>()
    };
    let mut left = broken(value, column.max(width.min(HEAD + PLACES) - HEAD));
    let mut right = broken(places, width.saturating_sub(HEAD + column + 2));
    let is_narrow = column + HEAD + 2 + PLACES > width
        || right.len() > BESIDE
        || left.iter().any(|line| line.chars().count() > column);
    if is_narrow {
        left = broken(value, width.saturating_sub(HEAD));
        left.extend(
            broken(places, width.saturating_sub(HEAD + 2)).into_iter().map(|line| format!("  {line}")),
        );
        left.retain(|line| !line.trim().is_empty());
        right.clear();
    }
    let rows = left.len().max(right.len());
    let row = |number: usize| {
        let head = if number == 0 { format!("  {name:<11}") } else { " ".repeat(HEAD) };
        let cell = |lines: &[String]| lines.get(number).cloned().unwrap_or_default();
        format!("{head}{:<column$}  {}", cell(&left), cell(&right)).trim_end().to_owned()
    };
    (0..rows).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: &str =
        "smtp_generic_maps, hash:/etc/postfix/generic line 11, key monitor@op5-system.localdomain";

    #[test]
    fn nothing_is_cut_at_any_width() {
        for (value, width) in
            [("alerts@example.com", 100), ("alerts@example.com", 80), ("alerts@example.com", 40), ("a", 20)]
        {
            let column = 30.min(width - HEAD.min(width));
            let all = lines("sender", value, PLACE, column, width);
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            let shown = words(&all.join(" "));
            assert!(words(PLACE).iter().chain(&words(value)).all(|word| shown.contains(word)), "{all:?}");
            let long = PLACE.split(' ').map(str::len).max().unwrap() + HEAD + 2;
            assert!(all.iter().all(|line| line.chars().count() <= width.max(long)), "{width}: {all:?}");
        }
    }

    #[test]
    fn places_stand_in_one_column_where_there_is_room() {
        let all = lines("tls", "secure", "main.cf line 691", 30, 100);
        assert_eq!(all, [format!("  {:<11}{:<30}  main.cf line 691", "tls", "secure")]);
        let all = lines("sender", "alerts@example.com", PLACE, 30, 100);
        assert!(
            all.len() == 2 && all.iter().skip(1).all(|line| line.starts_with(&" ".repeat(HEAD + 32))),
            "{all:?}"
        );
        // Three lines of 35 letters there.
        let all = lines("sender", "alerts@example.com", PLACE, 30, 80);
        let below = [
            "  sender     alerts@example.com",
            "               smtp_generic_maps, hash:/etc/postfix/generic line 11, key",
            "               monitor@op5-system.localdomain",
        ];
        assert_eq!(all, below);
        let all = lines("tls", "secure", "main.cf line 691", 13, 40);
        assert_eq!(all, ["  tls        secure", "               main.cf line 691"]);
        assert_eq!(lines("filter", "—", "", 13, 40), ["  filter     —"]);
    }
}
