# For the tests of tests/lab/tokens.rs.
# shellcheck shell=bash

ANSWERS=/etc/relayhost/answers.toml
TABLE=/etc/postfix/sasl_passwd

# logs_in: as if an earlier apply had made Postfix log in with a token that is over.
logs_in() {
    printf '# by hand\n[other]:25 u:p\n[smtp.office365.com]:587 alerts@example.com:over\n' >$TABLE
    install -d -m 700 /var/lib/relayhost /var/lib/relayhost/tokens
    install -m 600 /dev/stdin /var/lib/relayhost/tokens/access.json <<<'{"version":1,"app":"00","access":"over","fetched":1,"ends":2}'
    chmod 600 $TABLE
    postmap $TABLE
}

# in_table, kept: the token that Postfix would send, by its database; the one that relayhost keeps, the first of several.
in_table() { postmap -q '[smtp.office365.com]:587' "$TYPE:$TABLE" | cut -d: -f2; }
kept() { grep -o '"access":"[^"]*"' /var/lib/relayhost/tokens/access.json | head -n 1 | cut -d'"' -f4 | tr -d '\n'; }

# tenant NAME: the answers' tenant, by which the lab's identity provider knows how to answer.
tenant() { sed -i "s/^tenant .*/tenant = \"$1\"/" $ANSWERS; }

# flow_secret [FILE]: the answers' application proves itself with the client secret in FILE.
flow_secret() {
    sed -i -e 's/^flow .*/flow = "secret"/' -e 's/^client_id .*/client_id = "12345678-90ab-cdef-1234-567890abcdef"/' \
        -e "s,^certificate .*,client_secret_file = \"${1:-/etc/relayhost/client-secret}\"," $ANSWERS
}

# looks: all that apply could have touched.
looks() { find /etc/postfix /var/lib/rpm -type f -exec sha256sum {} + | sort -k2; stat -c '%n %i %Y' /etc/postfix/*; }

# person FLOW: the answers' application is one that a person logs in to.
person() {
    sed -i -e "s/^flow .*/flow = \"$1\"/" -e 's/^client_id .*/client_id = "fedcba98-90ab-cdef-1234-567890abcdef"/' -e '/^certificate /d' $ANSWERS
}

# google_person: the same at Google, by its page.
google_person() {
    person code
    sed -i -e 's/^provider    *= "microsoft"/provider = "google"/' -e '/^tenant /d' \
        -e '/^flow /a client_secret_file = "/etc/relayhost/client-secret"' $ANSWERS
}

# types STEPS COMMAND…: types at a command on a terminal; STEPS are lines of type.py.
types() {
    printf '%s\n' "$1" >/root/steps
    LC_ALL=C.UTF-8 NO_COLOR=1 TERM=xterm python3 /lab/tests/lab/scripts/type.py 100 /root/steps "${@:2}"
}

# Steps of `types`: a person types the code that `relayhost login` shows; opens the page that it shows, and pastes the address that
# the browser ends at.
# shellcheck disable=SC2034 # the scripts of logins.rs use them
{
    DEVICE=$'~Ctrl-C gives up\trun python3 /lab/tests/lab/scripts/person.py'
    PAGE=$'browser ended at:\trun python3 /lab/tests/lab/scripts/person.py'
}

# refresh: the refresh token that relayhost keeps.
refresh() { sed 's/.*"refresh":"\([^"]*\)".*/\1/' /var/lib/relayhost/tokens/logins.json; }

# entry HOP: the token that Postfix would send to this next hop, by its database. all_kept: all tokens that relayhost keeps.
entry() { postmap -q "$1" "$TYPE:$TABLE" | cut -d: -f2; }
all_kept() { grep -o '"tokens":\[[^]]*\]' /var/lib/relayhost/tokens/access.json | grep -o '"access":"[^"]*"' | cut -d'"' -f4; }
