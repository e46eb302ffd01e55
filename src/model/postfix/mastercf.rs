//! master.cf as Postfix reads it (master(5)): the services, each with the number of its line, its columns, and the
//! parameters that its options set.

mod arguments;

use super::lines;
pub use arguments::BadArgument;
use arguments::Word;

/// The services of a master.cf, in the file's order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MasterCf {
    services: Vec<Service>,
}

/// One service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Service {
    /// Its name: `smtp`.
    pub name: String,
    /// `inet`, `unix`, `fifo` or `pass`.
    pub kind: String,
    /// Number of its first line in master.cf, from 1.
    pub line: usize,
    /// Whether its socket is for the mail system alone.
    pub private: bool,
    /// Whether it runs as the user of `mail_owner`; otherwise as root.
    pub unprivileged: bool,
    /// The column `chroot`: `y`, `n` or `-`.
    pub chroot: String,
    /// The program: `smtp`, `pipe`.
    pub command: String,
    /// The parameters that its options set (`-o name=value`), in their order, each with the number of its line.
    pub options: Vec<Setting>,
    /// The other arguments.
    pub args: Vec<String>,
    /// The first argument that its program cannot read, so that it ends at once.
    pub unread: Option<BadArgument>,
    /// The first option in braces, which Postfix before 3.0 cannot read.
    pub braced: Option<BadArgument>,
}

/// A parameter that an option of a service sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Name of the parameter.
    pub name: String,
    /// Its value; `$name` in it is not expanded.
    pub value: String,
    /// Number of the line, from 1.
    pub line: usize,
}

impl MasterCf {
    /// Reads the file's bytes. A line that is no service is left out: master(8) refuses to start with one.
    pub fn new(bytes: &[u8]) -> Self {
        let (mut services, mut number, mut counted) = (Vec::new(), 1, 0);
        for line in lines::logical(bytes) {
            let mut parts = Vec::new();
            for part in &line.parts {
                number += lines::ends(bytes.get(counted..part.start).unwrap_or_default());
                counted = part.start;
                let text = String::from_utf8_lossy(bytes.get(part.clone()).unwrap_or_default());
                parts.push((number, text.into_owned()));
            }
            services.extend(Service::new(&arguments::split(&parts)));
        }
        Self { services }
    }

    /// All services.
    pub fn services(&self) -> impl Iterator<Item = &Service> {
        self.services.iter()
    }

    /// The service of this name and type. Of several master(8) takes none: it stops at the second.
    pub fn find(&self, name: &str, kind: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name == name && service.kind == kind)
    }

    /// The services whose daemon is this program and at whose socket connections are taken: of the types `unix` and `pass`.
    pub fn of_program<'a>(&'a self, program: &'a str) -> impl Iterator<Item = &'a Service> {
        let is_asked = move |service: &&Service| {
            service.command == program && ["unix", "pass"].contains(&service.kind.as_str())
        };
        self.services.iter().filter(is_asked)
    }

    /// The services of smtp(8) for which an option says that mail is returned, whatever main.cf has: each with the line of it.
    pub fn returning(&self) -> Vec<(String, usize)> {
        let option = |service: &Service| {
            let option = service.option(super::maincf::SOFT_BOUNCE).filter(|option| option.value != "yes")?;
            Some((service.label(), option.line))
        };
        self.of_program("smtp").filter_map(option).collect()
    }

    /// The values that options give to one of these parameters, of all services.
    pub fn values<'a>(&'a self, names: &'a [&str]) -> impl Iterator<Item = &'a str> {
        let options = self.services.iter().flat_map(|service| &service.options);
        options.filter(|set| names.contains(&set.name.as_str())).map(|set| set.value.as_str())
    }

    /// The values of all options, and the other arguments, of all services.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let options = self.services.iter().flat_map(|service| &service.options);
        let args = self.services.iter().flat_map(|service| &service.args);
        options.map(|set| set.value.as_str()).chain(args.map(String::as_str))
    }

    /// Whether the file has no service at all, so that nothing is known of it.
    pub fn is_empty(&self) -> bool {
        self.services.is_empty()
    }
}

impl Service {
    fn new(words: &[Word]) -> Option<Self> {
        let [name, kind, private, unprivileged, chroot, _, _, command, rest @ ..] = words else {
            return None;
        };
        let arguments::Arguments { options, args, unread, braced } = arguments::read(rest, &command.text);
        Some(Self {
            name: name.text.clone(),
            kind: kind.text.clone(),
            line: name.line,
            private: private.text != "n",
            unprivileged: unprivileged.text != "n",
            chroot: chroot.text.clone(),
            command: command.text.clone(),
            options,
            args,
            unread,
            braced,
        })
    }

    /// The option that sets this parameter: of several the last, as the daemon takes it.
    pub fn option(&self, name: &str) -> Option<&Setting> {
        self.options.iter().rev().find(|setting| setting.name == name)
    }

    /// Its socket, below the queue directory.
    pub fn socket(&self) -> String {
        format!("{}/{}", if self.private { "private" } else { "public" }, self.name)
    }

    /// Name and type, as `postconf -M` has them: `smtp/unix`.
    pub fn label(&self) -> String {
        format!("{}/{}", self.name, self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# head\nsmtp inet n - n - - smtpd\n#smtp unix - - n - - smtp\n\nsmtp unix - - y - - smtp\n  -o a=1\n\
                        # among them\n  -o b=x,y -ov=2 -o a=3\n\t-o { c = d e }\nfilter unix - n n - 10 pipe\n  flags=R user=f argv=/x -v\nbad line\n";

    #[test]
    fn services_have_their_lines_and_their_options() {
        let file = MasterCf::new(FILE.as_bytes());
        let smtp = file.find("smtp", "unix").unwrap();
        assert_eq!((smtp.line, smtp.chroot.as_str(), smtp.command.as_str()), (5, "y", "smtp"));
        let all: Vec<_> =
            smtp.options.iter().map(|set| (set.name.as_str(), set.value.as_str(), set.line)).collect();
        assert_eq!(all, [("a", "1", 6), ("b", "x,y", 8), ("v", "2", 8), ("a", "3", 8), ("c", "d e", 9)]);
        assert_eq!(smtp.option("a").unwrap().value, "3");
        let filter = file.find("filter", "unix").unwrap();
        assert!(!filter.unprivileged && filter.options.is_empty() && filter.line == 10);
        assert_eq!(filter.args, ["flags=R", "user=f", "argv=/x", "-v"]);
        assert!(file.find("bad", "line").is_none() && file.find("smtp", "inet").is_some());
    }

    #[test]
    fn the_sockets_of_a_program_are_those_of_its_services() {
        let services = "smtp       inet  n       -       n       -       -       smtpd\n\
            pickup     unix  n       -       n       60      1       pickup\n\
            smtp       unix  -       -       n       -       -       smtp\n\
            relay      unix  -       -       n       -       -       smtp\n    -o syslog_name=postfix/$service_name\n\
            postlog    unix-dgram n  -       n       -       1       postlogd\n\
            retry      unix  -       -       n       -       -       error\n";
        let file = MasterCf::new(services.as_bytes());
        let of = |program| -> Vec<(&str, String)> {
            file.of_program(program).map(|service| (service.name.as_str(), service.socket())).collect()
        };
        assert_eq!(of("smtp"), [("smtp", "private/smtp".into()), ("relay", "private/relay".into())]);
        assert_eq!(of("pickup"), [("pickup", "public/pickup".into())]);
        assert_eq!(of("error"), [("retry", "private/retry".into())]);
        for none in ["relay", "retry", "smtpd", "postlogd", "", "-o", "../smtp"] {
            assert_eq!(of(none), [], "{none}");
        }
    }

    #[test]
    fn a_service_that_returns_mail_anyway_has_its_line() {
        let text = "smtp unix - - n - - smtp\n  -o soft_bounce=yes\nrelay unix - - n - - smtp\n  -o x=1\n  -o soft_bounce=no\n";
        assert_eq!(MasterCf::new(text.as_bytes()).returning(), [("relay/unix".to_owned(), 5)]);
    }

    #[test]
    fn ten_thousand_options_are_no_trouble() {
        let mut text = "smtp unix - - n - - smtp\n".to_owned();
        for number in 0..10_000 {
            text.push_str(&format!("  -o x{number}=1\n"));
        }
        let file = MasterCf::new(text.as_bytes());
        assert_eq!(file.find("smtp", "unix").unwrap().option("x9999").unwrap().line, 10_001);
    }
}
