"""yum_plugin.py PROGRAM: drives packaging/usr/lib/yum-plugins/relayhost.py as yum 3 does, with PROGRAM for relayhost.

The classes here have of yum 3.4.3's what the plugin touches: MainPluginConduit (yum/plugins.py), TransactionData and
TransactionMember (yum/transactioninfo.py). Python 2.4 to 3; fails with a traceback, and is silent otherwise.
"""

import sys
import types

TYPE_CORE = 0
sys.modules['yum'] = types.ModuleType('yum')
sys.modules['yum.plugins'] = types.ModuleType('yum.plugins')
sys.modules['yum.plugins'].TYPE_CORE = TYPE_CORE

plugin = types.ModuleType('relayhost')
source = open('packaging/usr/lib/yum-plugins/relayhost.py')
exec(compile(source.read(), source.name, 'exec'), plugin.__dict__)
source.close()


class Conf:
    def __init__(self, installroot):
        self.installroot = installroot


class Member:
    def __init__(self, name):
        self.name = name


class TsInfo:
    def __init__(self, names):
        self.names = names

    def getMembers(self, pkgtup=None):
        return [Member(name) for name in self.names]


class Conduit:
    def __init__(self, names, installroot='/'):
        self.tsinfo = TsInfo(names)
        self.conf = Conf(installroot)
        self.said = []

    def getConf(self):
        return self.conf

    def getTsInfo(self):
        return self.tsinfo

    def info(self, level, msg):
        self.said.append(level)


# yum loads it: API 2.4 is older than EL7's 2.7, and its type is one that every yum loads.
assert plugin.requires_api_version == '2.4'
assert plugin.plugin_type == (TYPE_CORE,)
assert plugin.RELAYHOST == '/usr/bin/relayhost'
plugin.RELAYHOST = sys.argv[1]

# An update has two members of one name.
touched = Conduit(['bash', 'postfix', 'mailx', 'cyrus-sasl-plain', 'postfix', 'postfixadmin', 'procmailx'])
plugin.posttrans_hook(touched)
assert touched.said == []
plugin.posttrans_hook(Conduit(['bash']))
# Another system's transaction.
plugin.posttrans_hook(Conduit(['postfix'], '/mnt/sysimage'))

# Whatever goes wrong, the transaction was a success; yum shows level 3 with -d 3 only.
plugin.RELAYHOST = '/nonexistent'
missing = Conduit(['postfix'])
plugin.posttrans_hook(missing)
assert missing.said == [3]
broken = Conduit(['postfix'])
broken.tsinfo = None
plugin.posttrans_hook(broken)
assert broken.said == [3]
