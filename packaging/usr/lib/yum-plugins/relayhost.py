# yum 3 (EL7): tells relayhost when a transaction brought, changed or took away something that mail leaves this host by.
# It only records the fact and returns; PID 1 looks into it when yum has ended, for yum's own lock is held until then.
# Python 2.4 to 2.7.
"""Has relayhost look at the mail relay after a transaction that touched it."""

import fnmatch
import os
import subprocess

from yum.plugins import TYPE_CORE

requires_api_version = '2.4'
plugin_type = (TYPE_CORE,)

RELAYHOST = '/usr/bin/relayhost'
PATTERNS = ('postfix', 'postfix-lmdb', 'cyrus-sasl*', 'relayhost-sasl-xoauth2', 'sasl-xoauth2', 'mailx', 's-nail')


def posttrans_hook(conduit):
    """Called by yum when the RPM transaction is over. Never fails and never prints."""
    try:
        # With --installroot it is another system's transaction.
        if conduit.getConf().installroot != '/':
            return
        for name in touched(conduit.getTsInfo().getMembers()):
            tell(name)
    except Exception:
        # It must not make of a transaction that is done one that failed. Level 3 is shown with yum -d 3 only.
        conduit.info(3, 'relayhost: this transaction could not be looked at; `relayhost check` tells if mail is in order')


def touched(members):
    """The names among the transaction's members that mail leaves by, each once."""
    names = {}
    for member in members:
        for pattern in PATTERNS:
            if fnmatch.fnmatchcase(member.name, pattern):
                names[member.name] = True
    return sorted(names)


def tell(name):
    """Records that this package came, went or changed. No descriptor of yum's goes along."""
    null = os.open(os.devnull, os.O_RDWR)
    try:
        subprocess.call([RELAYHOST, 'scriptlet', 'posttrans', '1', '--changed', name],
                        stdin=null, stdout=null, stderr=null, close_fds=True, cwd='/')
    finally:
        os.close(null)
