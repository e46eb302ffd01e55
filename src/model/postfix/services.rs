//! Services of master.cf, as `postconf -M` prints them (master(5)).

/// The services whose daemon is this program, by name, each with its socket below the queue directory. Only those at which
/// connections are taken: of the types `unix` and `pass`.
pub fn services_of(services: &str, program: &str) -> Vec<(String, String)> {
    let socket = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [name, kind, private, _, _, _, _, command, ..] = fields.as_slice() else { return None };
        let directory = if *private == "n" { "public" } else { "private" };
        let is_asked = *command == program && ["unix", "pass"].contains(kind);
        is_asked.then(|| ((*name).to_owned(), format!("{directory}/{name}")))
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
        let of = |program| services_of(services, program);
        let pair = |name: &str, socket: &str| (name.to_owned(), socket.to_owned());
        assert_eq!(of("smtp"), [pair("smtp", "private/smtp"), pair("relay", "private/relay")]);
        assert_eq!(of("pickup"), [pair("pickup", "public/pickup")]);
        assert_eq!(of("error"), [pair("retry", "private/retry")]);
        for none in ["relay", "retry", "smtpd", "postlogd", "", "-o", "../smtp"] {
            assert_eq!(of(none), [], "{none}");
        }
    }
}
