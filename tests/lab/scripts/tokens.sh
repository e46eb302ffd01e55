# For the tests of tests/lab/tokens.rs.
# shellcheck shell=bash

ANSWERS=/etc/relayhost/answers.toml
TABLE=/etc/postfix/sasl_passwd

# logs_in: as if an earlier apply had made Postfix log in with a token that is over.
logs_in() {
    printf '# by hand\n[other]:25 u:p\n[smtp.office365.com]:587 alerts@example.com:over\n' >$TABLE
    chmod 600 $TABLE
    postmap $TABLE
}

# in_table, kept: the token that Postfix would send, by its database; the one that relayhost keeps.
in_table() { postmap -q '[smtp.office365.com]:587' hash:$TABLE | cut -d: -f2; }
kept() { sed 's/.*"access":"\([^"]*\)".*/\1/' /var/lib/relayhost/tokens/access.json; }

# tenant NAME: the answers' tenant, by which the lab's identity provider knows how to answer.
tenant() { sed -i "s/^tenant .*/tenant = \"$1\"/" $ANSWERS; }

# flow_secret [FILE]: the answers' application proves itself with the client secret in FILE.
flow_secret() {
    sed -i -e 's/^flow .*/flow = "secret"/' -e 's/^client_id .*/client_id = "12345678-90ab-cdef-1234-567890abcdef"/' \
        -e "s,^certificate .*,client_secret_file = \"${1:-/etc/relayhost/client-secret}\"," $ANSWERS
}

# looks: all that apply could have touched.
looks() { find /etc/postfix /var/lib/rpm -type f -exec sha256sum {} + | sort -k2; stat -c '%n %i %Y' /etc/postfix/*; }
