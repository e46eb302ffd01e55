# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_relayhost_global_optspecs
    string join \n h/help V/version
end

function __fish_relayhost_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_relayhost_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_relayhost_using_subcommand
    set -l cmd (__fish_relayhost_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c relayhost -n "__fish_relayhost_needs_command" -s h -l help -d 'Print help'
complete -c relayhost -n "__fish_relayhost_needs_command" -s V -l version -d 'Print version'
complete -c relayhost -n "__fish_relayhost_needs_command" -f -a "init" -d 'Write an answers file: asks on a terminal, takes flags without one; knows the providers, and tries the relay first'
complete -c relayhost -n "__fish_relayhost_needs_command" -f -a "status" -d 'Show where this host stands: relay, mail, queue, what waits, and the next step; changes nothing'
complete -c relayhost -n "__fish_relayhost_needs_command" -f -a "check" -d 'Compare the host with the answers; changes nothing'
complete -c relayhost -n "__fish_relayhost_needs_command" -f -a "watch" -d 'Look as check does, and tell what has begun and what is over by the alarms of the answers; relayhost-watch.timer runs this'
complete -c relayhost -n "__fish_relayhost_needs_command" -f -a "alarm" -d 'Try the ways by which watch tells what is wrong'
complete -c relayhost -n "__fish_relayhost_needs_command" -f -a "plan" -d 'Show what apply would do, as steps and a diff; passwords are never shown'
complete -c relayhost -n "__fish_relayhost_needs_command" -f -a "apply" -d 'Install what is missing, configure Postfix, and send a test message through the relay'
complete -c relayhost -n "__fish_relayhost_needs_command" -f -a "repair" -d 'Clear up after a run that was stopped, mend what is not as the answers say, and send the test message'
complete -c relayhost -n "__fish_relayhost_needs_command" -f -a "verify" -d 'Send the test message and follow it to the relay\'s reply; changes nothing'
complete -c relayhost -n "__fish_relayhost_needs_command" -f -a "drill" -d 'Send a test message by each fallback relay, as if those before it could not be reached; changes nothing'
complete -c relayhost -n "__fish_relayhost_needs_command" -f -a "probe" -d 'Speak to the relay as Postfix would, without sending mail: name, TLS, login, sender, recipient; changes nothing'
complete -c relayhost -n "__fish_relayhost_needs_command" -f -a "route" -d 'Say how a message submitted on this host would leave, hop by hop, and where each hop is decided; changes nothing'
complete -c relayhost -n "__fish_relayhost_needs_command" -f -a "diagnose" -d 'Read the mail log and name each failure, its cause and its remedy; changes nothing'
complete -c relayhost -n "__fish_relayhost_needs_command" -f -a "scriptlet" -d 'For RPM scriptlets, triggers and hooks: record what is wanted; prints nothing, and always ends with 0'
complete -c relayhost -n "__fish_relayhost_needs_command" -f -a "pending" -d 'Do what was recorded inside RPM transactions, when they are over; relayhost-pending.service runs this'
complete -c relayhost -n "__fish_relayhost_needs_command" -f -a "recover" -d 'Clear up after a run that was stopped, and nothing else; relayhost-recover.service runs this at boot'
complete -c relayhost -n "__fish_relayhost_needs_command" -f -a "login" -d 'Log in once as a person, for the access tokens of [auth.oauth]; or make the certificate of an application'
complete -c relayhost -n "__fish_relayhost_needs_command" -f -a "token" -d 'Fetch the access tokens of logins by [auth.oauth] when they are due, and give them to Postfix'
complete -c relayhost -n "__fish_relayhost_needs_command" -f -a "providers" -d 'List the relay providers that are known, or explain one: what to have ready, what will bite, what its replies mean'
complete -c relayhost -n "__fish_relayhost_needs_command" -f -a "history" -d 'List the recorded generations: what was there before each change; with a number, what that change did, as a diff'
complete -c relayhost -n "__fish_relayhost_needs_command" -f -a "restore" -d 'Put a generation back, byte for byte; without a number the newest, which undoes the last change'
complete -c relayhost -n "__fish_relayhost_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c relayhost -n "__fish_relayhost_using_subcommand init" -l provider -d 'A provider of `relayhost providers`, with its part: gmail, ses/eu-west-1' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand init" -l host -d 'The relay\'s host name or address' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand init" -l port -d 'The relay\'s port' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand init" -l tls -d 'How much TLS is asked for' -r -f -a "none\t''
may\t''
encrypt\t''
verify\t''
secure\t''"
complete -c relayhost -n "__fish_relayhost_using_subcommand init" -l username -d 'The login\'s name' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand init" -l password-file -d 'The answers name this file for the password: root\'s, mode 0600, one line' -r -F
complete -c relayhost -n "__fish_relayhost_using_subcommand init" -l flow -d 'Log in by an access token: certificate, secret, device, code; service-account with Google. The password\'s options are then those of the certificate, the client secret or the key' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand init" -l tenant -d 'Microsoft: the tenant, as an id or a domain' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand init" -l client-id -d 'The application\'s id' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand init" -l client-secret-ends -d 'The day on which the client secret ends: check warns 30, 7 and 1 days before' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand init" -l rewrite -d 'A local sender and the address that the relay sees instead; may be repeated. `none`: nothing is rewritten' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand init" -l sender -d 'The address as which everybody on this host sends who has no --rewrite' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand init" -l sender-name -d 'The name beside it, such as "{user} on {host}"' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand init" -l to -d 'Where the test message goes' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand init" -l root-to -d 'Whoever is to have root\'s mail, by /etc/aliases; may be repeated' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand init" -l from -d 'The answers to the questions as JSON, from a file of root\'s or `-`, standard input: {"relay": "gmail", "user": …}; what it leaves out is as it was, or as a person would be offered it' -r -F
complete -c relayhost -n "__fish_relayhost_using_subcommand init" -l output -d 'The answers file to write' -r -F
complete -c relayhost -n "__fish_relayhost_using_subcommand init" -l json -d 'Print one JSON document (docs/schema.json); `=stream`: one on each line for each step as it happens, and the same at the end' -r -f -a "document\t'One document, at the end'
stream\t'A document on each line as it happens, the last of which is that of the end'"
complete -c relayhost -n "__fish_relayhost_using_subcommand init" -l password-stdin -d 'Read the password from standard input: its first line. It is never an argument, since anybody can see those'
complete -c relayhost -n "__fish_relayhost_using_subcommand init" -l new-password -d 'Change the password of the answers that are there, or the client secret, and nothing else'
complete -c relayhost -n "__fish_relayhost_using_subcommand init" -l inline-password -d 'Write the password into the answers file, not into a file of its own'
complete -c relayhost -n "__fish_relayhost_using_subcommand init" -l describe -d 'Write nothing: show the questions, how they are answered by --from, and which one is open'
complete -c relayhost -n "__fish_relayhost_using_subcommand init" -l force -d 'Change answers that are there, and leave what no option is about; at a terminal the person is asked'
complete -c relayhost -n "__fish_relayhost_using_subcommand init" -l no-probe -d 'Write without trying the relay'
complete -c relayhost -n "__fish_relayhost_using_subcommand init" -s h -l help -d 'Print help'
complete -c relayhost -n "__fish_relayhost_using_subcommand status" -l json -d 'Print one JSON document (docs/schema.json); `=stream`: one on each line for each step as it happens, and the same at the end' -r -f -a "document\t'One document, at the end'
stream\t'A document on each line as it happens, the last of which is that of the end'"
complete -c relayhost -n "__fish_relayhost_using_subcommand status" -s h -l help -d 'Print help'
complete -c relayhost -n "__fish_relayhost_using_subcommand check" -l answers -d 'The answers file; `-` reads standard input' -r -F
complete -c relayhost -n "__fish_relayhost_using_subcommand check" -l json -d 'Print one JSON document (docs/schema.json); `=stream`: one on each line for each step as it happens, and the same at the end' -r -f -a "document\t'One document, at the end'
stream\t'A document on each line as it happens, the last of which is that of the end'"
complete -c relayhost -n "__fish_relayhost_using_subcommand check" -l max-queue-age -d 'How long a message may wait for the relay' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand check" -l max-proof-age -d 'How long ago the relay may have taken the last message' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand check" -l nagios -d 'One line and performance data, and the exit status of a monitoring plugin'
complete -c relayhost -n "__fish_relayhost_using_subcommand check" -l prometheus -d 'Figures for Prometheus, as the textfile collector of its node_exporter reads them'
complete -c relayhost -n "__fish_relayhost_using_subcommand check" -s h -l help -d 'Print help'
complete -c relayhost -n "__fish_relayhost_using_subcommand watch" -l answers -d 'The answers file; `-` reads standard input' -r -F
complete -c relayhost -n "__fish_relayhost_using_subcommand watch" -l json -d 'Print one JSON document (docs/schema.json); `=stream`: one on each line for each step as it happens, and the same at the end' -r -f -a "document\t'One document, at the end'
stream\t'A document on each line as it happens, the last of which is that of the end'"
complete -c relayhost -n "__fish_relayhost_using_subcommand watch" -l open-after -d 'How long something has to be amiss before an incident opens; 0s: from the first look on' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand watch" -l max-queue-age -d 'How long a message may wait for the relay' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand watch" -l max-proof-age -d 'How long ago the relay may have taken the last message' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand watch" -s h -l help -d 'Print help'
complete -c relayhost -n "__fish_relayhost_using_subcommand alarm" -l answers -d 'The answers file; `-` reads standard input' -r -F
complete -c relayhost -n "__fish_relayhost_using_subcommand alarm" -l json -d 'Print one JSON document (docs/schema.json); `=stream`: one on each line for each step as it happens, and the same at the end' -r -f -a "document\t'One document, at the end'
stream\t'A document on each line as it happens, the last of which is that of the end'"
complete -c relayhost -n "__fish_relayhost_using_subcommand alarm" -l test -d 'Tell each way a test, and say what it answered'
complete -c relayhost -n "__fish_relayhost_using_subcommand alarm" -s h -l help -d 'Print help'
complete -c relayhost -n "__fish_relayhost_using_subcommand plan" -l answers -d 'The answers file; `-` reads standard input' -r -F
complete -c relayhost -n "__fish_relayhost_using_subcommand plan" -l json -d 'Print one JSON document (docs/schema.json); `=stream`: one on each line for each step as it happens, and the same at the end' -r -f -a "document\t'One document, at the end'
stream\t'A document on each line as it happens, the last of which is that of the end'"
complete -c relayhost -n "__fish_relayhost_using_subcommand plan" -s h -l help -d 'Print help'
complete -c relayhost -n "__fish_relayhost_using_subcommand apply" -l answers -d 'The answers file; `-` reads standard input' -r -F
complete -c relayhost -n "__fish_relayhost_using_subcommand apply" -l json -d 'Print one JSON document (docs/schema.json); `=stream`: one on each line for each step as it happens, and the same at the end' -r -f -a "document\t'One document, at the end'
stream\t'A document on each line as it happens, the last of which is that of the end'"
complete -c relayhost -n "__fish_relayhost_using_subcommand apply" -l on-failure -d 'What to do with the configuration if the relay refuses the test message' -r -f -a "rollback\t'Put the previous one back'
keep\t'Leave it'"
complete -c relayhost -n "__fish_relayhost_using_subcommand apply" -l lock-timeout -d 'How long to wait for another package manager, or another relayhost, to end' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand apply" -l root -d 'Work on a tree that is not running (an install image, a chroot): start, tell and send nothing' -r -F
complete -c relayhost -n "__fish_relayhost_using_subcommand apply" -l no-probe -d 'Do not probe the relay first: write the configuration, and let the test message decide'
complete -c relayhost -n "__fish_relayhost_using_subcommand apply" -l no-verify -d 'Send no test message'
complete -c relayhost -n "__fish_relayhost_using_subcommand apply" -l verify -d 'Send the test message even if there was nothing to do'
complete -c relayhost -n "__fish_relayhost_using_subcommand apply" -l force -d 'Overwrite values of ours that somebody changed by hand'
complete -c relayhost -n "__fish_relayhost_using_subcommand apply" -l save -d 'Keep the answers of standard input as the host\'s file, if their configuration stays'
complete -c relayhost -n "__fish_relayhost_using_subcommand apply" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c relayhost -n "__fish_relayhost_using_subcommand repair" -l answers -d 'The answers file; `-` reads standard input' -r -F
complete -c relayhost -n "__fish_relayhost_using_subcommand repair" -l json -d 'Print one JSON document (docs/schema.json); `=stream`: one on each line for each step as it happens, and the same at the end' -r -f -a "document\t'One document, at the end'
stream\t'A document on each line as it happens, the last of which is that of the end'"
complete -c relayhost -n "__fish_relayhost_using_subcommand repair" -l on-failure -d 'What to do with the configuration if the relay refuses the test message' -r -f -a "rollback\t'Put the previous one back'
keep\t'Leave it'"
complete -c relayhost -n "__fish_relayhost_using_subcommand repair" -l lock-timeout -d 'How long to wait for another package manager, or another relayhost, to end' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand repair" -l no-probe -d 'Do not probe the relay first: write the configuration, and let the test message decide'
complete -c relayhost -n "__fish_relayhost_using_subcommand repair" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c relayhost -n "__fish_relayhost_using_subcommand verify" -l answers -d 'The answers file; `-` reads standard input' -r -F
complete -c relayhost -n "__fish_relayhost_using_subcommand verify" -l json -d 'Print one JSON document (docs/schema.json); `=stream`: one on each line for each step as it happens, and the same at the end' -r -f -a "document\t'One document, at the end'
stream\t'A document on each line as it happens, the last of which is that of the end'"
complete -c relayhost -n "__fish_relayhost_using_subcommand verify" -l to -d 'Send it there, instead of to verify.to of the answers' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand verify" -l deadline -d 'How long to wait for the relay\'s reply [default: verify.deadline of the answers, or 90s]' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand verify" -l root -d 'Send it to root of this host, and follow it to whoever gets root\'s mail'
complete -c relayhost -n "__fish_relayhost_using_subcommand verify" -l all -d 'Send one by each account of the answers too, from its own sender, and probe each server of a route'
complete -c relayhost -n "__fish_relayhost_using_subcommand verify" -s h -l help -d 'Print help'
complete -c relayhost -n "__fish_relayhost_using_subcommand drill" -l answers -d 'The answers file; `-` reads standard input' -r -F
complete -c relayhost -n "__fish_relayhost_using_subcommand drill" -l json -d 'Print one JSON document (docs/schema.json); `=stream`: one on each line for each step as it happens, and the same at the end' -r -f -a "document\t'One document, at the end'
stream\t'A document on each line as it happens, the last of which is that of the end'"
complete -c relayhost -n "__fish_relayhost_using_subcommand drill" -l to -d 'Send it there, instead of to verify.to of the answers' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand drill" -l deadline -d 'How long to wait for each relay\'s reply [default: verify.deadline of the answers, or 90s]' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand drill" -s h -l help -d 'Print help'
complete -c relayhost -n "__fish_relayhost_using_subcommand probe" -l answers -d 'The answers file; `-` reads standard input' -r -F
complete -c relayhost -n "__fish_relayhost_using_subcommand probe" -l json -d 'Print one JSON document (docs/schema.json); `=stream`: one on each line for each step as it happens, and the same at the end' -r -f -a "document\t'One document, at the end'
stream\t'A document on each line as it happens, the last of which is that of the end'"
complete -c relayhost -n "__fish_relayhost_using_subcommand probe" -l timeout -d 'How long all of it may take, or with `--all` each of them' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand probe" -l current -d 'Try what this host\'s Postfix is set to now, instead of the answers'
complete -c relayhost -n "__fish_relayhost_using_subcommand probe" -l all -d 'Try each relay and account of the answers once, and each server of a route'
complete -c relayhost -n "__fish_relayhost_using_subcommand probe" -s h -l help -d 'Print help'
complete -c relayhost -n "__fish_relayhost_using_subcommand route" -l answers -d 'The answers file; `-` reads standard input' -r -F
complete -c relayhost -n "__fish_relayhost_using_subcommand route" -l json -d 'Print one JSON document (docs/schema.json); `=stream`: one on each line for each step as it happens, and the same at the end' -r -f -a "document\t'One document, at the end'
stream\t'A document on each line as it happens, the last of which is that of the end'"
complete -c relayhost -n "__fish_relayhost_using_subcommand route" -l from -d 'The sender; `<>` is the null sender [default: the one of the alerts by the answers, or root]' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand route" -l to -d 'The recipient [default: verify.to of the answers]' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand route" -s h -l help -d 'Print help'
complete -c relayhost -n "__fish_relayhost_using_subcommand diagnose" -l since -d 'From when on: how long ago (24h, 7d) or a date [default: 24h of this host\'s log, all of a file]' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand diagnose" -l queue-id -d 'Tell the story of one message' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand diagnose" -l answers -d 'The answers, if there are any; for this host\'s own log only' -r -F
complete -c relayhost -n "__fish_relayhost_using_subcommand diagnose" -l json -d 'Print one JSON document (docs/schema.json); `=stream`: one on each line for each step as it happens, and the same at the end' -r -f -a "document\t'One document, at the end'
stream\t'A document on each line as it happens, the last of which is that of the end'"
complete -c relayhost -n "__fish_relayhost_using_subcommand diagnose" -l follow -d 'Stay with this host\'s own log, and say when something fails; Ctrl-C ends it'
complete -c relayhost -n "__fish_relayhost_using_subcommand diagnose" -l redact -d 'Replace names of hosts, addresses, users and tokens, the same by the same, to show the result to others'
complete -c relayhost -n "__fish_relayhost_using_subcommand diagnose" -s h -l help -d 'Print help'
complete -c relayhost -n "__fish_relayhost_using_subcommand scriptlet" -l for -d 'The package whose scriptlet it is, and which asks for a relay' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand scriptlet" -l changed -d 'For triggers and hooks: the package that came, went or changed' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand scriptlet" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c relayhost -n "__fish_relayhost_using_subcommand pending" -l json -d 'Print one JSON document (docs/schema.json); `=stream`: one on each line for each step as it happens, and the same at the end' -r -f -a "document\t'One document, at the end'
stream\t'A document on each line as it happens, the last of which is that of the end'"
complete -c relayhost -n "__fish_relayhost_using_subcommand pending" -l lock-timeout -d 'How long to wait for package managers to end' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand pending" -l due -d 'Only if it is time to try again'
complete -c relayhost -n "__fish_relayhost_using_subcommand pending" -s h -l help -d 'Print help'
complete -c relayhost -n "__fish_relayhost_using_subcommand recover" -l json -d 'Print one JSON document (docs/schema.json); `=stream`: one on each line for each step as it happens, and the same at the end' -r -f -a "document\t'One document, at the end'
stream\t'A document on each line as it happens, the last of which is that of the end'"
complete -c relayhost -n "__fish_relayhost_using_subcommand recover" -s h -l help -d 'Print help'
complete -c relayhost -n "__fish_relayhost_using_subcommand login" -l answers -d 'The answers file; `-` reads standard input' -r -F
complete -c relayhost -n "__fish_relayhost_using_subcommand login" -l json -d 'Print one JSON document (docs/schema.json); `=stream`: one on each line for each step as it happens, and the same at the end' -r -f -a "document\t'One document, at the end'
stream\t'A document on each line as it happens, the last of which is that of the end'"
complete -c relayhost -n "__fish_relayhost_using_subcommand login" -l as -d 'Which login, where the answers have several: its username' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand login" -l lock-timeout -d 'How long to wait for another relayhost to end' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand login" -l new-certificate -d 'Make a certificate and its key where auth.oauth.certificate of the answers has its place, instead of logging in'
complete -c relayhost -n "__fish_relayhost_using_subcommand login" -l force -d 'Make another certificate beside the one that is there'
complete -c relayhost -n "__fish_relayhost_using_subcommand login" -s h -l help -d 'Print help'
complete -c relayhost -n "__fish_relayhost_using_subcommand token" -l answers -d 'The answers file; `-` reads standard input' -r -F
complete -c relayhost -n "__fish_relayhost_using_subcommand token" -l json -d 'Print one JSON document (docs/schema.json); `=stream`: one on each line for each step as it happens, and the same at the end' -r -f -a "document\t'One document, at the end'
stream\t'A document on each line as it happens, the last of which is that of the end'"
complete -c relayhost -n "__fish_relayhost_using_subcommand token" -l lock-timeout -d 'How long to wait for another relayhost to end' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand token" -l force -d 'Fetch others in any case'
complete -c relayhost -n "__fish_relayhost_using_subcommand token" -l show -d 'Show what each says of itself: audience, application, roles or scopes, tenant; never the token'
complete -c relayhost -n "__fish_relayhost_using_subcommand token" -s h -l help -d 'Print help'
complete -c relayhost -n "__fish_relayhost_using_subcommand providers" -l json -d 'Print one JSON document (docs/schema.json); `=stream`: one on each line for each step as it happens, and the same at the end' -r -f -a "document\t'One document, at the end'
stream\t'A document on each line as it happens, the last of which is that of the end'"
complete -c relayhost -n "__fish_relayhost_using_subcommand providers" -s h -l help -d 'Print help'
complete -c relayhost -n "__fish_relayhost_using_subcommand history" -l json -d 'Print one JSON document (docs/schema.json); `=stream`: one on each line for each step as it happens, and the same at the end' -r -f -a "document\t'One document, at the end'
stream\t'A document on each line as it happens, the last of which is that of the end'"
complete -c relayhost -n "__fish_relayhost_using_subcommand history" -s h -l help -d 'Print help'
complete -c relayhost -n "__fish_relayhost_using_subcommand restore" -l json -d 'Print one JSON document (docs/schema.json); `=stream`: one on each line for each step as it happens, and the same at the end' -r -f -a "document\t'One document, at the end'
stream\t'A document on each line as it happens, the last of which is that of the end'"
complete -c relayhost -n "__fish_relayhost_using_subcommand restore" -l lock-timeout -d 'How long to wait for another relayhost to end' -r
complete -c relayhost -n "__fish_relayhost_using_subcommand restore" -s h -l help -d 'Print help'
complete -c relayhost -n "__fish_relayhost_using_subcommand help; and not __fish_seen_subcommand_from init status check watch alarm plan apply repair verify drill probe route diagnose scriptlet pending recover login token providers history restore help" -f -a "init" -d 'Write an answers file: asks on a terminal, takes flags without one; knows the providers, and tries the relay first'
complete -c relayhost -n "__fish_relayhost_using_subcommand help; and not __fish_seen_subcommand_from init status check watch alarm plan apply repair verify drill probe route diagnose scriptlet pending recover login token providers history restore help" -f -a "status" -d 'Show where this host stands: relay, mail, queue, what waits, and the next step; changes nothing'
complete -c relayhost -n "__fish_relayhost_using_subcommand help; and not __fish_seen_subcommand_from init status check watch alarm plan apply repair verify drill probe route diagnose scriptlet pending recover login token providers history restore help" -f -a "check" -d 'Compare the host with the answers; changes nothing'
complete -c relayhost -n "__fish_relayhost_using_subcommand help; and not __fish_seen_subcommand_from init status check watch alarm plan apply repair verify drill probe route diagnose scriptlet pending recover login token providers history restore help" -f -a "watch" -d 'Look as check does, and tell what has begun and what is over by the alarms of the answers; relayhost-watch.timer runs this'
complete -c relayhost -n "__fish_relayhost_using_subcommand help; and not __fish_seen_subcommand_from init status check watch alarm plan apply repair verify drill probe route diagnose scriptlet pending recover login token providers history restore help" -f -a "alarm" -d 'Try the ways by which watch tells what is wrong'
complete -c relayhost -n "__fish_relayhost_using_subcommand help; and not __fish_seen_subcommand_from init status check watch alarm plan apply repair verify drill probe route diagnose scriptlet pending recover login token providers history restore help" -f -a "plan" -d 'Show what apply would do, as steps and a diff; passwords are never shown'
complete -c relayhost -n "__fish_relayhost_using_subcommand help; and not __fish_seen_subcommand_from init status check watch alarm plan apply repair verify drill probe route diagnose scriptlet pending recover login token providers history restore help" -f -a "apply" -d 'Install what is missing, configure Postfix, and send a test message through the relay'
complete -c relayhost -n "__fish_relayhost_using_subcommand help; and not __fish_seen_subcommand_from init status check watch alarm plan apply repair verify drill probe route diagnose scriptlet pending recover login token providers history restore help" -f -a "repair" -d 'Clear up after a run that was stopped, mend what is not as the answers say, and send the test message'
complete -c relayhost -n "__fish_relayhost_using_subcommand help; and not __fish_seen_subcommand_from init status check watch alarm plan apply repair verify drill probe route diagnose scriptlet pending recover login token providers history restore help" -f -a "verify" -d 'Send the test message and follow it to the relay\'s reply; changes nothing'
complete -c relayhost -n "__fish_relayhost_using_subcommand help; and not __fish_seen_subcommand_from init status check watch alarm plan apply repair verify drill probe route diagnose scriptlet pending recover login token providers history restore help" -f -a "drill" -d 'Send a test message by each fallback relay, as if those before it could not be reached; changes nothing'
complete -c relayhost -n "__fish_relayhost_using_subcommand help; and not __fish_seen_subcommand_from init status check watch alarm plan apply repair verify drill probe route diagnose scriptlet pending recover login token providers history restore help" -f -a "probe" -d 'Speak to the relay as Postfix would, without sending mail: name, TLS, login, sender, recipient; changes nothing'
complete -c relayhost -n "__fish_relayhost_using_subcommand help; and not __fish_seen_subcommand_from init status check watch alarm plan apply repair verify drill probe route diagnose scriptlet pending recover login token providers history restore help" -f -a "route" -d 'Say how a message submitted on this host would leave, hop by hop, and where each hop is decided; changes nothing'
complete -c relayhost -n "__fish_relayhost_using_subcommand help; and not __fish_seen_subcommand_from init status check watch alarm plan apply repair verify drill probe route diagnose scriptlet pending recover login token providers history restore help" -f -a "diagnose" -d 'Read the mail log and name each failure, its cause and its remedy; changes nothing'
complete -c relayhost -n "__fish_relayhost_using_subcommand help; and not __fish_seen_subcommand_from init status check watch alarm plan apply repair verify drill probe route diagnose scriptlet pending recover login token providers history restore help" -f -a "scriptlet" -d 'For RPM scriptlets, triggers and hooks: record what is wanted; prints nothing, and always ends with 0'
complete -c relayhost -n "__fish_relayhost_using_subcommand help; and not __fish_seen_subcommand_from init status check watch alarm plan apply repair verify drill probe route diagnose scriptlet pending recover login token providers history restore help" -f -a "pending" -d 'Do what was recorded inside RPM transactions, when they are over; relayhost-pending.service runs this'
complete -c relayhost -n "__fish_relayhost_using_subcommand help; and not __fish_seen_subcommand_from init status check watch alarm plan apply repair verify drill probe route diagnose scriptlet pending recover login token providers history restore help" -f -a "recover" -d 'Clear up after a run that was stopped, and nothing else; relayhost-recover.service runs this at boot'
complete -c relayhost -n "__fish_relayhost_using_subcommand help; and not __fish_seen_subcommand_from init status check watch alarm plan apply repair verify drill probe route diagnose scriptlet pending recover login token providers history restore help" -f -a "login" -d 'Log in once as a person, for the access tokens of [auth.oauth]; or make the certificate of an application'
complete -c relayhost -n "__fish_relayhost_using_subcommand help; and not __fish_seen_subcommand_from init status check watch alarm plan apply repair verify drill probe route diagnose scriptlet pending recover login token providers history restore help" -f -a "token" -d 'Fetch the access tokens of logins by [auth.oauth] when they are due, and give them to Postfix'
complete -c relayhost -n "__fish_relayhost_using_subcommand help; and not __fish_seen_subcommand_from init status check watch alarm plan apply repair verify drill probe route diagnose scriptlet pending recover login token providers history restore help" -f -a "providers" -d 'List the relay providers that are known, or explain one: what to have ready, what will bite, what its replies mean'
complete -c relayhost -n "__fish_relayhost_using_subcommand help; and not __fish_seen_subcommand_from init status check watch alarm plan apply repair verify drill probe route diagnose scriptlet pending recover login token providers history restore help" -f -a "history" -d 'List the recorded generations: what was there before each change; with a number, what that change did, as a diff'
complete -c relayhost -n "__fish_relayhost_using_subcommand help; and not __fish_seen_subcommand_from init status check watch alarm plan apply repair verify drill probe route diagnose scriptlet pending recover login token providers history restore help" -f -a "restore" -d 'Put a generation back, byte for byte; without a number the newest, which undoes the last change'
complete -c relayhost -n "__fish_relayhost_using_subcommand help; and not __fish_seen_subcommand_from init status check watch alarm plan apply repair verify drill probe route diagnose scriptlet pending recover login token providers history restore help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
