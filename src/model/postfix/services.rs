//! Services of master.cf, as `postconf -M` prints them (master(5)).

/// Sockets of the services whose daemon is this program, below the queue directory. Only those at which connections are
/// taken: of the types `unix` and `pass`.
pub fn sockets_of(services: &str, program: &str) -> Vec<String> {
    let socket = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [name, kind, private, _, _, _, _, command, ..] = fields.as_slice() else { return None };
        let directory = if *private == "n" { "public" } else { "private" };
        let is_asked = *command == program && ["unix", "pass"].contains(kind);
        is_asked.then(|| format!("{directory}/{name}"))
    };
    // Options of a service stand in lines that begin with blanks.
    services.lines().filter(|line| !line.starts_with([' ', '\t'])).filter_map(socket).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sockets_of_a_program_are_those_of_its_services() {
        let services = "smtp       inet  n       -       n       -       -       smtpd\n\
            pickup     unix  n       -       n       60      1       pickup\n\
            smtp       unix  -       -       n       -       -       smtp\n\
            relay      unix  -       -       n       -       -       smtp\n    -o syslog_name=postfix/$service_name\n\
            postlog    unix-dgram n  -       n       -       1       postlogd\n\
            retry      unix  -       -       n       -       -       error\n";
        assert_eq!(sockets_of(services, "smtp"), ["private/smtp", "private/relay"]);
        assert_eq!(sockets_of(services, "pickup"), ["public/pickup"]);
        assert_eq!(sockets_of(services, "error"), ["private/retry"]);
        for none in ["relay", "retry", "smtpd", "postlogd", "", "-o", "../smtp"] {
            assert_eq!(sockets_of(services, none), Vec::<String>::new(), "{none}");
        }
    }
}
