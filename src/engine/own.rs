//! Which addresses of the queue are this host's own: by the settings, and where these name tables or files, by asking them,
//! each domain once.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use super::route::{asking, host_of};
use crate::error::Result;
use crate::model::postfix::maincf::MainCf;
use crate::model::postfix::managed::Managed;
use crate::model::postfix::settings::Settings;
use crate::model::route::host::Host;
use crate::model::route::local::{has_tables, is_local, stays};
use crate::model::text::{self, domain_of};
use crate::sys::{clock, files};

/// Time for all questions: `check` asks them whenever it is called.
const ASKING: Duration = Duration::from_secs(1);

/// The addresses of this host.
pub struct Own<'a> {
    settings: &'a Settings,
    /// The host, if tables have to be asked.
    host: Option<Host>,
    /// The time that is left for questions.
    left: Cell<Duration>,
    /// The domains that were asked for; those of which it is not known, with the reason.
    known: RefCell<BTreeMap<String, std::result::Result<bool, String>>>,
}

impl<'a> Own<'a> {
    /// Knows the settings in force.
    pub fn new(settings: &'a Settings) -> Result<Self> {
        let host = has_tables(settings).then(|| {
            let main_cf = MainCf::new(files::read_whole(&Managed::MainCf.path())?.unwrap_or_default());
            host_of(settings.clone(), &main_cf)
        });
        Ok(Self { settings, host: host.transpose()?, left: Cell::new(ASKING), known: RefCell::default() })
    }

    /// Whether mail to this address stays here. Of what is not known, it leaves.
    pub fn has(&self, address: &str) -> bool {
        let is_own = is_local(address, self.settings);
        let Some(host) = self.host.as_ref().filter(|_| !is_own) else { return is_own };
        let domain = text::one_line(&domain_of(address).to_lowercase());
        let mut known = self.known.borrow_mut();
        let ask = || {
            let begin = clock::now();
            let found = asking(host, None, begin + self.left.get(), |ask| stays(host, address, ask));
            self.left.set(self.left.get().saturating_sub(begin.elapsed()));
            found
        };
        known.entry(domain).or_insert_with(ask).as_ref().is_ok_and(|stays| *stays)
    }

    /// Why it is not known of some, in a line; `None` if all is known.
    pub fn unknown(&self) -> Option<String> {
        let known = self.known.borrow();
        let mut unknown = known.iter().filter_map(|(domain, stays)| Some((domain, stays.as_ref().err()?)));
        let (domain, why) = unknown.next()?;
        let others = match unknown.count() {
            0 => String::new(),
            count => format!(", and of {count} more domains"),
        };
        Some(format!(
            "whether mail to {domain} stays on this host is not known{others}, so it counts as mail that is to leave: {why}"
        ))
    }
}
