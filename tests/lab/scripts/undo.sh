# A host that delivers through the open relay on port 25 of relay.lab.test, set up by hand as an admin would; the answers
# are for another relay.
# shellcheck shell=bash

sum() {
    local f
    for f in main.cf generic "generic.$DB" sasl_passwd "sasl_passwd.$DB"; do
        stat -c '%n %a %u %g %Y' "/etc/postfix/$f"
        sha256sum <"/etc/postfix/$f"
    done 2>&1
}
delivers() {
    local n
    n=$(mails)
    echo x | mail -s old -r root@op5-system.localdomain ops@example.com
    await has_mails $((n + 1)) && echo old relay delivers
}

postconf -e 'relayhost=[relay.lab.test]:25' "smtp_generic_maps=$TYPE:/etc/postfix/generic"
echo 'root@op5-system.localdomain boss@example.com' >>/etc/postfix/generic
postmap "$TYPE:/etc/postfix/generic"
cool 2>/dev/null
sum >/root/by-hand
