# Postfix's files as people keep them: symbolic links into a checkout.
# shellcheck shell=bash

P=/etc/postfix

# link FILE TARGET [TEXT]: moves a file of Postfix's to TARGET, and has a link with TEXT (TARGET without it) in its place.
link() {
    mkdir -p "$(dirname "$2")"
    mv $P/"$1" "$2"
    ln -s "${3:-$2}" $P/"$1"
}
# whole: all of Postfix's files and of those that links lead to, with their attributes; a link as the link that it is. The time
# of a directory changes with the files that are built and removed in it.
whole() {
    find $P /srv -type d -printf '%p %m %U %G\n' | sort
    find $P /srv ! -type d -printf '%p %y %l %m %U %G %s %T@\n' | sort
    find $P /srv -type f -print0 | sort -z | xargs -0 sha256sum
}
# links: the links themselves.
links() { find $P -type l -printf '%p %l %i %T@\n' | sort; }
untouched() { whole | cmp -s /root/before - && echo untouched; }
run() {
    relayhost "$@" >/root/out 2>&1
    echo "$1 $?"
}
# remedy: the command that the last output says, whatever the screen's width.
remedy() { tr '\n' ' ' </root/out | tr -s ' ' | grep -o "\`\(cp --remove-destination\|rm\) [^\`]*\`" | head -n 1 | tr -d '`'; }
other() { sed -i "s/smtp.example.com/$1/" /etc/relayhost/answers.toml; }
