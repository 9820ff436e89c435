#!/bin/sh
# Backups of a kiroclaw on a server, over SSH, and back. `--help` says how.
set -eu
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
readonly here

# shellcheck source=deploy/lib/say.sh
. "$here/lib/say.sh"
# shellcheck source=deploy/lib/reach.sh
. "$here/lib/reach.sh"

help() {
    cat <<'HELP'
backup.sh --ssh=HOST --to=DIR [OPTION…]       saves conversations, workspaces and agents' homes into DIR, while the bot runs
backup.sh --ssh=HOST --restore=FILE           puts them back there, on this server or another
backup.sh --ssh=HOST --nightly=KEY…|off       has the server make one of its own every night, the last seven in /var/lib/kiroclaw/backups

A backup is encrypted (age format) for a passphrase, which is asked for, or for recipients. The bot's token is not in it.
A server that takes one needs a kiroclaw first: deploy.sh.

Options:
  --recipient=KEY        encrypts for this public key (age1…) in place of a passphrase; may be repeated
  --passphrase-file=FILE the passphrase, for a run without questions
  --identity=FILE        the private key (AGE-SECRET-KEY-1…) of one recipient, to restore
  --keep=N               how many backups of this server stay in DIR (7)
  --ssh-config=FILE      in place of your ssh_config
  --yes                  asks nothing
  --help                 this

Exit codes: 0 done, 1 failed, 64 wrong options, 75 another deployment is at work on that server.
HELP
}

# add_recipient KEY: to `recipients`, blanks between.
add_recipient() {
    case $1 in
    age1*[!a-z0-9]* | age1) usage_error "$1 is no public key of age" ;;
    age1*) recipients="$recipients $1" ;;
    *) usage_error "$1 is no public key of age (age1…)" ;;
    esac
}

read_options() {
    target='' to='' restore='' nightly='' recipients='' passphrase_file='' identity='' keep=7 ssh_config='' yes=''
    for word; do
        case $word in
        --ssh=*) target=${word#*=} ;;
        --to=*) to=${word#*=} ;;
        --restore=*) restore=${word#*=} ;;
        --nightly=off) nightly=off ;;
        --nightly=*) nightly=on && add_recipient "${word#*=}" ;;
        --recipient=*) add_recipient "${word#*=}" ;;
        --passphrase-file=*) passphrase_file=${word#*=} ;;
        --identity=*) identity=${word#*=} ;;
        --keep=*) keep=${word#*=} ;;
        --ssh-config=*) ssh_config=${word#*=} ;;
        --yes) yes=yes ;;
        --help | -h) help && exit ;;
        *) usage_error "$word is no option" ;;
        esac
    done
    [ -n "$target" ] || usage_error "which server? --ssh=HOST"
    case ${to:+1}${restore:+1}${nightly:+1} in 1) ;; *) usage_error "one of --to, --restore and --nightly" ;; esac
    case $keep in '' | 0 | *[!0-9]*) usage_error "--keep=$keep: a number, at least 1" ;; esac
    for file in "$restore" "$passphrase_file" "$identity" "$ssh_config"; do
        [ -z "$file" ] || [ -r "$file" ] || die "$file cannot be read"
    done
    read_target "$target"
}

# The passphrase, into `secret_1`. A new one is asked for twice.
ask_passphrase() {
    if [ -n "$passphrase_file" ]; then
        IFS= read -r secret_1 <"$passphrase_file" || [ -n "$secret_1" ] || die "$passphrase_file is empty"
        return
    fi
    [ -z "$yes" ] || die "there is no passphrase: give --passphrase-file or --recipient"
    ask_secret "Passphrase of the backup"
    secret_1=$answer
    [ "$1" != new ] || { ask_secret "Once more" && [ "$answer" = "$secret_1" ]; } || die "these two differ"
    [ -n "$secret_1" ] || die "an empty passphrase protects nothing"
}

save() {
    [ -d "$to" ] || (umask 077 && mkdir -p "$to") || die "$to cannot be made"
    [ -n "$recipients" ] || ask_passphrase new
    name=kiroclaw-$(printf '%s' "$host" | tr -c 'A-Za-z0-9._-' _)
    file=$to/$name-$(date -u +%Y%m%dT%H%M%SZ).age
    # A backup has its name when it is whole.
    code=0
    # shellcheck disable=SC2086 # keys have no blanks
    (umask 077 && change_there backup $recipients >"$file.part") 2>"$work/told" || code=$?
    clean <"$work/told" >&2
    if [ "$code" != 0 ]; then
        rm -f "$file.part"
        note "deploy: there is no backup"
        exit "$code"
    fi
    if [ "$(head -c 21 "$file.part")" != age-encryption.org/v1 ]; then
        rm -f "$file.part"
        die "what came from $host is no backup. Does its shell say something at every login? Try: ssh $host true"
    fi
    mv "$file.part" "$file"
    say "$file: $(wc -c <"$file" | tr -d ' ') bytes"
    forget_old
}

# The names sort by their times.
forget_old() {
    set -- "$to/$name"-????????T??????Z.age
    while [ $# -gt "$keep" ]; do
        rm -f "$1"
        shift
    done
}

bring_back() {
    if [ -n "$identity" ]; then
        secret_1=$(grep '^AGE-SECRET-KEY-1' "$identity" | head -n 1)
        [ -n "$secret_1" ] || die "$identity holds no private key of age"
    else
        ask_passphrase old
    fi
    [ -n "$yes" ] || agrees "Conversations, workspaces and homes on $host are replaced by those of $restore. Go on" n || die "nothing was done"
    say "  · sending the backup"
    put_there /var/lib/kiroclaw-restore.age <"$restore" || die "the backup did not get there; is kiroclaw installed on $host? deploy.sh does it"
    telling change_there restore "$(if [ -n "$identity" ]; then echo identity; else echo passphrase; fi)"
}

main() {
    secret_1='' secret_2=''
    read_options "$@"
    make_work
    connect
    become_root
    if [ -n "$to" ]; then
        save
    elif [ -n "$restore" ]; then
        bring_back
    else
        # shellcheck disable=SC2086
        telling change_there nightly ${recipients:-off}
    fi
}

main "$@"
