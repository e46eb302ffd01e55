#!/bin/sh
# late.sh SENDER: the message on standard input, three seconds later, for the mailbox of ops@example.com.
sleep 3
exec /usr/sbin/sendmail -i -f "$1" ops@example.com
