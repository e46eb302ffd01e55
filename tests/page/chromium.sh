#!/bin/sh
# Chromium in the network of the host whose process that is: it reaches that host's loopback, and nothing else.
exec nsenter --net="/proc/$RELAYHOST_HOST_PID/ns/net" chromium "--lang=$LANGUAGE" "$@"
