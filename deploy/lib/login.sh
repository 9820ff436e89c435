# kiro-cli on the server, and its login by a code that is entered in a browser. Sourced; defines functions only.
# shellcheck shell=sh

# Brings kiro-cli there, where it is not: as programs, or in a container as an image that has it.
fetch_kiro() {
    mode=${mode:-$(fact mode)}
    [ -n "$mode" ] || die "kiroclaw is not installed on $host: leave --login out"
    say "" "kiro-cli on $host:"
    telling change_there kiro
}

# Its login belongs to the service's user, from whose home each runtime of kiro-cli is given it. It wants a terminal, ours.
login() {
    [ -t 0 ] || die "a login wants a terminal: $0 --ssh=$target --login, at one"
    fetch_kiro
    say "It shows an address and a code: open the address in a browser, here or on your phone, and enter the code."
    at_terminal_there "$(login_line "$mode")" || die "there is no login yet. Try again: $0 --ssh=$target --login"
    telling change_there restart
}

# Who is logged in already would be refused by it.
readonly LOGIN='if timeout 20 kiro-cli whoami --format json >/dev/null 2>&1
then echo "It is logged in already. For another account: kiro-cli logout, first."
else exec kiro-cli login --use-device-flow
fi'

# login_line MODE: for the shell there.
login_line() {
    case $1 in
    systemd)
        home=/var/lib/kiroclaw
        echo "cd $home && exec runuser -u kiroclaw -- env HOME=$home PATH=$home/.local/bin:/usr/local/bin:/usr/bin:/bin sh -c $(quote "$LOGIN")"
        ;;
    docker | podman) echo "exec $1 exec --interactive --tty kiroclaw sh -c $(quote "$LOGIN")" ;;
    esac
}
