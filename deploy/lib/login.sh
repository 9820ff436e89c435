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
    fetch_kiro
    say "It shows an address and a code: open the address in a browser, here or on your phone, and enter the code."
    at_terminal_there "$(login_line "$mode")" || die "there is no login yet. Try again: $0 --ssh=$target --login"
    telling change_there restart
}

# login_line MODE
login_line() {
    case $1 in
    systemd)
        home=/var/lib/kiroclaw
        echo "cd $home && exec runuser -u kiroclaw -- env HOME=$home PATH=$home/.local/bin:/usr/local/bin:/usr/bin:/bin kiro-cli login --use-device-flow"
        ;;
    docker | podman) echo "exec $1 exec --interactive --tty kiroclaw kiro-cli login --use-device-flow" ;;
    esac
}
