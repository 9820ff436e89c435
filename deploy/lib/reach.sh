# The way to the server: one SSH connection that every command shares, and root there. Sourced; defines functions only.
# shellcheck shell=sh

# quote TEXT: as one word of the shell there.
quote() {
    printf "'"
    printf '%s' "$1" | sed "s/'/'\\\\''/g"
    printf "' "
}

# The server may be a name of ssh_config(5), or user@host:port. Into `host` and `port`.
read_target() {
    host=$1
    port=
    case $host in
    '' | -* | *[!A-Za-z0-9@._:%-]*) usage_error "--ssh=$host: not a host of ssh_config, nor user@host[:port]" ;;
    *:*:*) ;; # an IPv6 address, which has no place for a port here
    *:*)
        port=${host##*:}
        host=${host%:*}
        case $port in '' | *[!0-9]*) usage_error "--ssh=$1: the port is a number" ;; esac
        ;;
    esac
}

# A private directory for what this run needs, first of all the connection's socket; nothing secret is ever in it.
make_work() {
    work=$(umask 077 && mktemp -d "${TMPDIR:-/tmp}/kiroclaw.XXXXXX") || die "no directory could be made in ${TMPDIR:-/tmp}"
    trap leave EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

leave() {
    forget_terminal
    [ -z "${connected-}" ] || tunnel -O exit "$host" >/dev/null 2>&1 || :
    rm -rf "$work"
}

# tunnel WORDS…: ssh by the way to the host, which the words name themselves.
tunnel() {
    ssh ${ssh_config:+-F "$ssh_config"} ${port:+-p "$port"} -o "ControlPath=$work/ssh" "$@"
}

# A password or the question about a new host key belong to ssh, which asks at the terminal itself.
connect() {
    tunnel ${yes:+-o BatchMode=yes} -o ControlMaster=yes -o ConnectTimeout=20 -o ServerAliveInterval=15 -fN "$host" </dev/null >/dev/null ||
        die "no connection to $host. Try by hand: ssh${ssh_config:+ -F $ssh_config}${port:+ -p $port} $host
If root may not log in there, name a user who may and has sudo: --ssh=user@$host"
    connected=yes
}

# there COMMAND: a line for the shell there, as whoever logs in; standard input goes with it.
there() {
    tunnel -T "$host" "$1"
}

# How to be root there, into `sudo`; and sudo's password, if it wants one.
become_root() {
    sudo_password=
    # shellcheck disable=SC2016 # for the shell there
    # The last line: some shells greet whoever comes.
    case $(bounded there 'if test "$(id -u)" = 0; then echo root; elif sudo -kn true 2>/dev/null; then echo sudo; elif command -v sudo >/dev/null; then echo password; fi' </dev/null | tail -n 1) in
    root) sudo= ;;
    sudo) sudo='sudo -n ' ;;
    password)
        # -k: it asks in any case, so that it is the password and nothing else that it takes from standard input.
        sudo="sudo -kS -p '' "
        [ -z "$yes" ] || die "sudo on $host wants a password: take a user that needs none, or leave --yes out"
        ask_secret "Password of that user on $host, for sudo"
        sudo_password=$answer
        printf '%s\n' "$sudo_password" | there "${sudo}true" 2>/dev/null || die "sudo on $host did not take that password"
        ;;
    *) die "the user who logs in to $host is not root and has no sudo: take one who has" ;;
    esac
}

# Standard input, after the line that sudo takes for itself.
with_password() {
    [ -z "$sudo_password" ] || printf '%s\n' "$sudo_password"
    cat
}

# server_script: what runs there, as one file.
server_script() {
    for part in common systemd engine backup verbs; do cat "$here/server/$part.sh"; done
}

# look_there VERB WORDS…: runs what changes nothing there, as root.
look_there() {
    line="sh -s -- "
    for word; do line="$line$(quote "$word")"; done
    # shellcheck disable=SC2016
    { server_script && echo 'main "$@"'; } | with_password | there "$sudo$line"
}

# How what changes something begins there: one at a time, in a place of its own in memory that only root can read and that the next run
# clears if this one dies. Secrets come first, a line each, then the files. It goes on if the connection breaks: half of a change is worse.
# shellcheck disable=SC2016 # for the shell there
readonly BEGIN='umask 077 && mkdir -p /run/kiroclaw-deploy && cd /run/kiroclaw-deploy && exec 9>lock && tries=0 &&
until flock -n 9; do tries=$((tries + 1)); if [ $tries = 90 ]; then echo "another deployment to this server is at work; try again when it is done" >&2; exit 75; fi; sleep 1; done &&
rm -rf in && mkdir in && cd in && IFS= read -r secret_1 && IFS= read -r secret_2 && tar -xzf - && trap "" HUP PIPE && . ./server.sh && main "$@"'

# change_there VERB WORDS…: runs what changes something there, as root, with the files of the stage directory and what is in `secret_1` and
# `secret_2`, which are lines.
change_there() {
    mkdir -p "$work/stage"
    server_script >"$work/stage/server.sh"
    line="sh -c $(quote "$BEGIN")kiroclaw-deploy "
    for word; do line="$line$(quote "$word")"; done
    {
        printf '%s\n%s\n' "${secret_1-}" "${secret_2-}"
        tar -C "$work/stage" -czf - .
    } | with_password | there "$sudo$line"
}

# put_there PATH: standard input as a file there, which only root can read.
put_there() {
    with_password | there "${sudo}sh -c $(quote "umask 077 && cat >$(quote "$1")")"
}

# at_terminal_there COMMAND: a line for a shell there as root, with this terminal, at which sudo asks for itself.
at_terminal_there() {
    [ -z "$sudo" ] || set -- "sudo sh -c $(quote "$1")"
    tunnel -t "$host" "$1"
}
