# Backups and restores, by `kiroclaw backup` and `kiroclaw restore`, which know how. The passphrase is in `secret_1`.
# shellcheck shell=sh

# What reads the recipients, for the timer; and where a backup waits to be restored, until the service's user can read it.
readonly RECIPIENTS="$ETC/backup-recipients"
readonly WAITING=/var/lib/kiroclaw-restore.age

# verb_backup [RECIPIENT…]: the backup on standard output; by the passphrase where there are no recipients.
verb_backup() {
    mode=$(installed)
    if [ $# = 0 ]; then
        backup --passphrase-file -
        return
    fi
    for recipient; do
        shift
        set -- "$@" --recipient "$recipient"
    done
    backup "$@"
}

# backup WORDS…: on standard output. From a container by a pipe in its volume: of what a command says there the engine may lose the end, and
# call that a success (Docker from 23.0 on, docker/cli issue 4338).
backup() {
    if [ "$mode" = systemd ]; then
        printf '%s\n' "$secret_1" | systemd_kiroclaw backup --to - "$@"
        return
    fi
    place=$(place_of "$mode")
    rm -f "$place/backup.pipe"
    mkfifo -m 600 "$place/backup.pipe"
    chown "$(stat -c %u:%g "$place")" "$place/backup.pipe"
    cat "$place/backup.pipe" 9>&- & # without the lock, which it would keep if this ended before it
    reader=$!
    code=0
    printf '%s\n' "$secret_1" | "${mode}_kiroclaw" backup --to "$DATA/backup.pipe" "$@" || code=$?
    # Where it failed before it opened the pipe, nobody else will.
    [ "$code" = 0 ] || kill "$reader" 2>/dev/null || :
    wait "$reader" || [ "$code" != 0 ] || code=1
    rm -f "$place/backup.pipe"
    return "$code"
}

# verb_restore passphrase|identity: the backup that waits, in place of what is there, which is set aside until it has worked.
verb_restore() {
    mode=$(installed)
    place=$(place_of "$mode")
    owner=$(stat -c %u:%g "$place")
    trap forget_waiting EXIT
    mv "$WAITING" "$place/restore.age"
    chown "$owner" "$place/restore.age"
    step "checking the backup"
    restore "$1" --check >/dev/null || fail "the backup was not taken; nothing was changed"
    step "stopping the bot"
    "${mode}_stop"
    set_aside
    step "restoring"
    if restore "$1"; then
        rm -rf "$place/aside"
    else
        put_back
        "${mode}_start"
        fail "the backup was not taken; what was there before is there again"
    fi
    step "starting it"
    "${mode}_start"
    healthy_in_time || fail "it does not get healthy. See --logs"
    step "healthy"
}

forget_waiting() {
    code=$?
    rm -f "$WAITING" "$place/restore.age" "$place/restore.key"
    ended "$code"
}

# restore passphrase|identity [WORD]
restore() {
    if [ "$1" = passphrase ]; then
        printf '%s\n' "$secret_1" | "${mode}_kiroclaw" restore --from "$DATA/restore.age" --passphrase-file - ${2+"$2"}
    else
        (umask 077 && printf '%s\n' "$secret_1" >"$place/restore.key")
        chown "$owner" "$place/restore.key"
        "${mode}_kiroclaw" restore --from "$DATA/restore.age" --identity "$DATA/restore.key" ${2+"$2"} </dev/null
    fi
}

# `aside` is complete or not there, so that a restore that was cut off is put back by the next one.
set_aside() {
    put_back
    install -d -m 700 "$place/aside.new"
    for part in state workspaces; do
        [ ! -e "$place/$part" ] || mv "$place/$part" "$place/aside.new/"
    done
    mv -T "$place/aside.new" "$place/aside"
}

put_back() {
    for from in "$place/aside" "$place/aside.new"; do
        [ -d "$from" ] || continue
        for part in state workspaces; do
            [ -e "$from/$part" ] || continue
            rm -rf "${place:?}/$part"
            mv "$from/$part" "$place/"
        done
        rm -rf "$from"
    done
}

# verb_nightly RECIPIENT…|off: backups on the server itself, by the timer; these keys alone can read them.
verb_nightly() {
    mode=$(installed)
    [ "$mode" = systemd ] || fail "the timer is for a service of systemd; here it is $mode"
    if [ "$1" = off ]; then
        systemctl --quiet disable --now kiroclaw-backup.timer
        step "no more nightly backups; those that there are stay in $DATA/backups"
        return
    fi
    printf '%s\n' "$@" >recipients
    put recipients "$RECIPIENTS" 640 root:kiroclaw
    systemctl --quiet enable --now kiroclaw-backup.timer
    step "nightly backups in $DATA/backups, the last seven; next: $(systemctl show -p NextElapseUSecRealtime --value kiroclaw-backup.timer)"
}
