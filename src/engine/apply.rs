//! `apply` and `repair`, as they are typed: decides whether they are done now or later, on the host or in a tree.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::load::{self, Source};
use super::run::{Given, Task, run};
use super::saved::demand_place;
use super::tables::know_passwords;
use super::{Place, Progress, defer, supply};
use crate::error::{Error, Result, shown};
use crate::model::ended::{Applied, Deferred, Ended};
use crate::model::secret::Secret;
use crate::model::state::order::{Message, Order};
use crate::sys::directory::Directory;
use crate::sys::{host, pending, secrets};

/// An `apply` or `repair` that was typed.
#[derive(Debug)]
pub struct Typed {
    /// The command's name.
    pub command: &'static str,
    /// `--answers`
    pub answers: PathBuf,
    /// The order that the other options make up.
    pub order: Order,
    /// `--save`
    pub save: bool,
    /// `--root`
    pub root: Option<PathBuf>,
    /// `--lock-timeout`
    pub patience: Duration,
}

impl Typed {
    fn task(&self, place: Place, packages: Option<Directory>) -> Task {
        let command = if self.root.is_some() { "apply --root" } else { self.command };
        let (answers, patience) = (self.answers.clone(), self.patience);
        Task { command, place, answers, patience, packages, attended: place == Place::Host }
    }

    /// The text to save of these answers.
    fn unsaved(&self, source: &Source) -> Result<Option<Secret>> {
        if !self.save {
            return Ok(None);
        }
        let no_text = || Error::Answers {
            file: shown(&self.answers),
            place: None,
            problem: "is a file, and --save keeps answers that are in none".into(),
            remedy: "give them on standard input, with --answers -; or leave --save out".into(),
        };
        source.text().map_or_else(|| Err(no_text()), |text| Ok(Some(text)))
    }
}

/// Carries out the command that was typed, or records it.
pub fn apply(typed: &Typed, progress: &mut dyn Progress) -> Result<Ended> {
    if typed.root.is_none() {
        defer::refuse_installer()?;
        if let Some(holder) = defer::defer_inside_transaction(typed.command, &typed.answers, typed.order)? {
            return Ok(Ended::Deferred(Deferred { holder, next: defer::who_does_it() }));
        }
        defer::refuse_without_proc()?;
    }
    let applied = if typed.root.is_some() || Place::here() == Place::Tree {
        in_tree(typed, progress)
    } else {
        on_host(typed, progress)
    };
    applied.map(Ended::Applied)
}

fn on_host(typed: &Typed, progress: &mut dyn Progress) -> Result<Applied> {
    let order = typed.order;
    // The run serves the queue too, if it goes by the same answers and sends a test message.
    let is_of_host = typed.save || typed.answers == Path::new(load::DEFAULT);
    let serves_queue = order.message != Message::Never && is_of_host;
    let source = Source::new(&typed.answers)?;
    let save = typed.unsaved(&source)?;
    let given = || {
        // Read before the answers: a package that asks later may bring some of its own.
        let waiting = pending::entries()?;
        let serves = if serves_queue { waiting } else { Vec::new() };
        save.as_ref().map_or(Ok(()), |_| demand_place())?;
        Ok(Given { desired: source.load()?, order, save, serves })
    };
    let applied = run(&typed.task(Place::Host, None), given, progress)?;
    if serves_queue && applied.is_settled() {
        defer::rest();
    }
    Ok(applied)
}

/// Works on a tree that is not running (that of `--root`, or the one that relayhost runs in) from inside it: so no
/// link of the tree leads out of it, and the tree's own rpm, postconf and postmap are used. Starts and sends nothing.
fn in_tree(typed: &Typed, progress: &mut dyn Progress) -> Result<Applied> {
    // The lock is the tree's; the answers are outside, and cannot be read once relayhost has entered the tree.
    let source = Source::new(&typed.answers)?;
    let save = typed.unsaved(&source)?;
    let desired = source.load()?;
    let mut packages = None;
    if let Some(root) = &typed.root {
        packages = supply::outside(&desired)?;
        secrets::search();
        host::enter_tree(root)?;
        know_passwords();
    }
    let order = Order { message: Message::Never, ..typed.order };
    let given = || {
        save.as_ref().map_or(Ok(()), |_| demand_place())?;
        Ok(Given { desired, order, save, serves: Vec::new() })
    };
    run(&typed.task(Place::Tree, packages), given, progress)
}
