# Sourced by the first script of a host, in it: its own bash is all there is.
# shellcheck shell=bash

# The lab's CA is one of those that the host trusts, wherever the host keeps them.
if [ -f /lab/ca.pem ]; then
    ca=$(</lab/ca.pem)
    for bundle in /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem /etc/pki/tls/certs/ca-bundle.crt \
        /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-bundle.crt; do
        [ -f "$bundle" ] || continue
        case $(<"$bundle") in *"$ca"*) ;; *) printf '%s\n' "$ca" >>"$bundle" ;; esac
    done
fi
