# Watchers that look for the password of the answers in whatever a command does.
# shellcheck shell=bash

m=/root/marker S="python3 /lab/tests/lab/scripts/secret.py"
calls=openat,open,creat,write,pwrite64,writev,sendto,sendmsg,chmod,fchmod,fchmodat,umask,clone,clone3,fork,vfork,execve
(umask 077; sed -n 's/^password *= "\(.*\)"/\1/p' /lab/examples/authenticated.toml >$m)
begin() {
    rm -f /root/stop
    $S procs $m /root/stop >/root/procs &
    $S watch $m /root/stop >/root/watch &
    until grep -q READY /root/watch; do sleep 0.05; done
}
over() { touch /root/stop; wait; echo '== procs'; cat /root/procs; echo '== watch'; cat /root/watch; }
trace() {
    strace -f -qq -y -xx -v -s 70000 -o /root/trace -e trace=$calls "$@" >/root/out 2>&1 || cat /root/out
    $S strace $m /root/trace
}
