#!/bin/sh
# kiroclaw on a server of yours, over SSH: ./deploy/deploy.sh --ssh=HOST. `--help` says the rest.
#
# Everything that is decided is decided here (lib/); what is done there is one script (server/), which this one sends. Secrets go through
# standard input alone. Every step looks first at what is there, so an interrupted run can be repeated.
set -eu
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
readonly here

# shellcheck source=deploy/lib/say.sh
. "$here/lib/say.sh"
# shellcheck source=deploy/lib/reach.sh
. "$here/lib/reach.sh"
# shellcheck source=deploy/lib/telegram.sh
. "$here/lib/telegram.sh"
# shellcheck source=deploy/lib/decide.sh
. "$here/lib/decide.sh"
# shellcheck source=deploy/lib/questions.sh
. "$here/lib/questions.sh"
# shellcheck source=deploy/lib/build.sh
. "$here/lib/build.sh"
# shellcheck source=deploy/lib/login.sh
. "$here/lib/login.sh"

help() {
    cat <<'HELP'
deploy.sh --ssh=HOST [WHAT] [OPTION…]

Puts kiroclaw on a server of yours and keeps it there. HOST is a name of your ssh_config or user@host[:port], root or with sudo.
It asks for the bot's token, who may use the bot, and which agent; checks the server; says what it will do; and does it.

What to do, if not that:
  --update             takes the build beside this script there; goes back by itself where it does not get healthy
  --restart            starts it anew
  --status             what runs there, and whether it is healthy (exit code 0: it is)
  --logs[=LINES]       the last lines of its log (100)
  --login              logs kiro-cli in there, by a code that you enter in a browser; installs kiro-cli first where it is not
  --uninstall          removes it, and keeps settings and data; with --purge those too

Options:
  --mode=MODE          systemd, docker or podman; by itself: systemd where there is one, else the engine that is there
  --config=FILE        answers: a file like .env.example, or a .json for config.json; may be given twice
  --token-file=FILE    the bot's token
  --api-key-file=FILE  the key of kiro-cli, in place of a login
  --release=FILE       a release's tarball or directory to take; by itself: the one that this script is part of
  --binary=FILE        only the program of that release, another one
  --ssh-config=FILE    in place of your ssh_config
  --yes                asks nothing
  --dry-run            says what it would do, and stops
  --help               this

Without --yes it asks what is not answered by --config or the environment (BOT_TOKEN, ALLOWED_TELEGRAM_IDS, AGENT_COMMAND, KIRO_API_KEY
and the other settings of the README). Secrets are never on a command line, in a log, or readable for others.
Exit codes: 0 done, 1 failed, 64 wrong options, 75 another deployment is at work on that server.
HELP
}

# The words of the command line, into variables.
read_options() {
    target='' what=put wanted_mode='' yes='' dry_run='' purge='' ssh_config='' release_given='' binary='' lines=100
    settings_file='' json_file='' token_file='' key_file=''
    for word; do
        case $word in
        --ssh=*) target=${word#*=} ;;
        --mode=systemd | --mode=docker | --mode=podman) wanted_mode=${word#*=} ;;
        --mode=*) usage_error "$word: systemd, docker or podman" ;;
        --config=*.json) json_file=${word#*=} ;;
        --config=*) settings_file=${word#*=} ;;
        --token-file=*) token_file=${word#*=} ;;
        --api-key-file=*) key_file=${word#*=} ;;
        --release=*) release_given=${word#*=} ;;
        --binary=*) binary=${word#*=} ;;
        --ssh-config=*) ssh_config=${word#*=} ;;
        --update | --restart | --status | --login | --uninstall) do_only "${word#--}" ;;
        --logs) do_only logs ;;
        --logs=*) do_only logs && lines=${word#*=} ;;
        --purge) purge=purge ;;
        --yes) yes=yes ;;
        --dry-run) dry_run=yes ;;
        --help | -h) help && exit ;;
        *) usage_error "$word is no option" ;;
        esac
    done
    [ -n "$target" ] || usage_error "which server? --ssh=HOST"
    [ -z "$purge" ] || [ "$what" = uninstall ] || usage_error "--purge belongs to --uninstall"
    case $lines in '' | *[!0-9]*) usage_error "--logs=$lines: a number" ;; esac
    read_target "$target"
}

do_only() {
    [ "$what" = put ] || [ "$what" = "$1" ] || usage_error "--$what and --$1: one at a time"
    what=$1
}

# The answers that were given, into variables of this shell alone: what a program that it starts could see is taken away.
read_answers() {
    for file in "$settings_file" "$json_file" "$token_file" "$key_file" "$ssh_config" "$binary"; do
        [ -z "$file" ] || [ -r "$file" ] || die "$file cannot be read"
    done
    given_settings=
    [ -z "$settings_file" ] || given_settings=$(cat "$settings_file")
    bot_token=$(secret BOT_TOKEN "$token_file" "${BOT_TOKEN-}")
    api_key=$(secret KIRO_API_KEY "$key_file" "${KIRO_API_KEY-}")
    unset BOT_TOKEN KIRO_API_KEY
    api_base=$(wanted TELEGRAM_API_BASE)
    api_base=${api_base:-https://api.telegram.org}
    is_api_base "$api_base" || die "TELEGRAM_API_BASE: https, or http to this very machine (127.0.0.1, localhost)"
    allowed='' agent_command='' log_in=''
}

# secret NAME FILE VALUE: from the file, else the environment, else --config.
secret() {
    if [ -n "$2" ]; then
        trim <"$2"
    elif [ -n "$3" ]; then
        printf '%s' "$3" | trim
    else
        printf '%s\n' "$given_settings" | setting "$1"
    fi
}

need_tools() {
    for tool in ssh tar gzip awk "$@"; do
        command -v "$tool" >/dev/null || die "$tool is wanted on this machine: install it"
    done
}

# read_facts MODE: into `facts`. A server may say anything; nothing of it reaches a terminal as it is.
read_facts() {
    bounded look_there look "$1" >"$work/facts" 2>"$work/told" || { clean <"$work/told" >&2 && die "$host could not be looked at"; }
    facts=$(clean <"$work/facts")
}

# Looks at the server, and stops where kiroclaw cannot run.
look() {
    read_facts "$wanted_mode"
    choose_mode "$wanted_mode" || die "$trouble"
    found=$(hindrances)
    [ -z "$found" ] || die "kiroclaw cannot run on $host:
$(printf '%s\n' "$found" | sed 's/^/  - /')"
}

tell_server() {
    say "$host: $(fact system), Linux $(fact kernel) (Landlock ABI $(landlock_abi "$(fact kernel)")), $(fact arch), $(fact memory) MB of memory, $(fact disk) MB of disk left"
    warnings | sed 's/^/  note: /'
}

# Everything that will be other than it is.
tell_plan() {
    installed=$(fact version)
    say "" "What happens on $host, as root:"
    case $mode in
    systemd) say "  - kiroclaw $version as a service of systemd, by a user of its own (kiroclaw)" ;;
    docker) say "  - kiroclaw $version as a container of Docker Compose, in /opt/kiroclaw" ;;
    podman) say "  - kiroclaw $version as a container of Podman, by a unit of systemd (Quadlet)" ;;
    esac
    [ -z "$installed" ] || say "  - in place of version $installed, which comes back if it does not get healthy"
    if [ -e "$work/stage/etc/.env" ]; then
        say "  - settings in /etc/kiroclaw:"
        sed '/^#/d; s/^/      /' "$work/stage/etc/.env" | clean
    else
        say "  - the settings in /etc/kiroclaw stay as they are"
    fi
    [ -z "$bot_token" ] || say "  - the token in /etc/kiroclaw/secrets, for root alone"
    [ -z "$api_key" ] || say "  - the key of kiro-cli there too"
    [ -z "$log_in$with_kiro" ] || say "  - kiro-cli, if it is not there: fetched (200 MB), or for a container built into an image (2 GB)"
    say "  - state, workspaces and the agents' homes in /var/lib/kiroclaw"
}

# Settings are written where there are none, or where some were given; --update leaves them alone.
stage_settings() {
    mkdir -p "$work/stage/etc"
    [ -z "$given_settings$agent_command" ] || [ -n "$allowed" ] || [ "$what" = update ] ||
        die "settings are replaced as a whole: say ALLOWED_TELEGRAM_IDS too"
    if [ "$what" = put ] && { [ "$(fact settings)" != yes ] || [ -n "$allowed" ]; }; then
        settings_text >"$work/stage/etc/.env"
    fi
    [ -z "$json_file" ] || cp "$json_file" "$work/stage/etc/config.json"
}

put() {
    if [ "$what" = update ]; then
        [ -n "$(fact mode)" ] || die "kiroclaw is not installed on $host: leave --update out"
        bot_token='' api_key=''
    else
        need_tools curl
        ask_token
        ask_people
        ask_agent
    fi
    find_build "$(known_architecture "$(fact arch)")"
    stage_settings
    # A key is of use only to kiro-cli, which answers where nothing else is named.
    with_kiro=
    [ -z "$api_key" ] || [ -n "$agent_command" ] || with_kiro=yes
    tell_plan
    if [ -n "$dry_run" ]; then
        say "" "(--dry-run: nothing was done)"
        return
    fi
    [ -n "$yes" ] || agrees "Shall I" || die "nothing was done"
    stage_build
    say ""
    secret_1=$bot_token secret_2=$api_key
    telling change_there put "$mode" "$version"
    # What follows needs neither.
    secret_1='' secret_2=''
    rm -rf "$work/stage"
    if [ -n "$log_in" ]; then
        login
    elif [ -n "$with_kiro" ]; then
        fetch_kiro
    fi
    tell_end
}

tell_end() {
    [ -n "${bot_name-}" ] || return 0
    say "" "It runs: write to https://t.me/$bot_name"
    [ ! -t 1 ] || awk -v text="https://t.me/$bot_name" -f "$here/lib/qr.awk" </dev/null
    say "--status, --logs, --update, --uninstall: the same command with one of these."
}

uninstall() {
    [ -z "$dry_run" ] || { say "would remove kiroclaw from $host${purge:+ with all its data}" && return; }
    if [ -n "$purge" ] && [ -z "$yes" ]; then
        ask "Every conversation, workspace and setting on $host will be deleted. Type \`delete\` to do it"
        [ "$answer" = delete ] || die "nothing was done"
    elif [ -z "$yes" ]; then
        agrees "Remove kiroclaw from $host? Settings and data stay" || die "nothing was done"
    fi
    telling change_there uninstall $purge
}

restart() {
    [ -z "$dry_run" ] || { say "would start kiroclaw on $host anew" && return; }
    telling change_there restart
}

main() {
    read_options "$@"
    read_answers
    need_tools
    make_work
    connect
    become_root
    case $what in
    put | update) look && tell_server && put ;;
    login) read_facts '' && login ;;
    status) told look_there status ;;
    logs) told look_there logs "$lines" ;;
    restart) restart ;;
    uninstall) uninstall ;;
    esac
}

main "$@"
