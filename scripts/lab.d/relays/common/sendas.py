#!/usr/bin/python3
"""Milter: refuses as Office 365 does, with its words, who sends without a login or as somebody else.

`sendas.py TEXT`: TEXT is what follows 530 5.7.57, which Microsoft has worded in more than one way."""
import email.utils
import os
import sys

import Milter

DENIED = (
    "SendAsDenied; %s not allowed to send as %s; "
    "STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied"
)


class SendAs(Milter.Base):
    def envfrom(self, sender, *_):
        self.login = self.getsymval("{auth_authen}")
        self.senders = [sender.strip("<>")]
        if not self.login:
            self.setreply("530", "5.7.57", sys.argv[1])
            return Milter.REJECT
        return Milter.CONTINUE

    def header(self, name, value):
        if name.lower() == "from":
            self.senders.append(email.utils.parseaddr(value)[1])
        return Milter.CONTINUE

    def eom(self):
        for sender in self.senders:
            if sender.lower() != self.login.lower():
                self.setreply("554", "5.2.252", DENIED % (self.login, sender))
                return Milter.REJECT
        return Milter.CONTINUE


os.umask(0)  # smtpd is not root, and must be able to connect
Milter.factory = SendAs
Milter.runmilter("sendas", "unix:/run/milter", timeout=300)
