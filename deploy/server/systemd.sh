# kiroclaw as a service of systemd: versions beside each other in /usr/local/lib/kiroclaw, `current` and `previous` as links.
# shellcheck shell=sh

readonly UNITS=/etc/systemd/system

systemd_place() {
    step "the user kiroclaw"
    put release/systemd/kiroclaw.sysusers /etc/sysusers.d/kiroclaw.conf 644 root:root
    systemd-sysusers kiroclaw.conf
    put_data kiroclaw:kiroclaw
    put_settings kiroclaw root
    systemd_place_release "$1"
}

# The name says which version it is; another build of the same version gets a name of its own.
systemd_place_release() {
    release=$1
    if [ -e "$PROGRAMS/$release" ] && ! cmp -s release/kiroclaw "$PROGRAMS/$release/kiroclaw"; then
        release=$release-$(sha256sum release/kiroclaw | cut -c 1-8)
    fi
    [ ! -e "$PROGRAMS/$release" ] || return 0
    step "version $release in $PROGRAMS"
    install -d -m 755 "$PROGRAMS"
    rm -rf "$PROGRAMS/incoming"
    cp -R release "$PROGRAMS/incoming"
    chmod -R u=rwX,go=rX "$PROGRAMS/incoming"
    chmod 755 "$PROGRAMS/incoming/kiroclaw"
    chown -R root:root "$PROGRAMS/incoming"
    # What a power cut leaves under the final name is whole. Of these files alone: all that a server has to write may take it long.
    find "$PROGRAMS/incoming" -exec sync {} +
    mv -T "$PROGRAMS/incoming" "$PROGRAMS/$release"
}

systemd_current() {
    readlink "$PROGRAMS/current" 2>/dev/null || :
}

systemd_previous() {
    readlink "$PROGRAMS/previous" 2>/dev/null || :
}

# systemd_switch RELEASE: everything that belongs to it, so that the way back is the same way.
systemd_switch() {
    [ "$(systemd_current)" = "$1" ] || changed=yes
    known=
    [ ! -e "$UNITS/kiroclaw.service" ] || known=yes
    install -d -m 755 /usr/local/bin
    link "$1" "$PROGRAMS/current"
    link ../lib/kiroclaw/current/kiroclaw /usr/local/bin/kiroclaw
    for unit in "$PROGRAMS/$1"/systemd/*.service "$PROGRAMS/$1"/systemd/*.socket "$PROGRAMS/$1"/systemd/*.timer; do
        [ ! -e "$unit" ] || put "$unit" "$UNITS/${unit##*/}" 644 root:root
    done
    systemd_put_key
    # By files alone: through systemd it would read all units anew, which takes a small server seconds.
    systemctl --root=/ --quiet enable kiroclaw.service
    # A unit that it has never seen needs no more than to be started.
    [ -z "$known" ] || systemctl daemon-reload
}

# A credential that is not there would keep the unit from starting, so the unit names the key only where it is.
systemd_put_key() {
    dropin=$UNITS/kiroclaw.service.d/kiro-api-key.conf
    if [ -s "$ETC/secrets/kiro-api-key" ]; then
        install -d -m 755 "${dropin%/*}"
        printf '[Service]\nLoadCredential=kiro-api-key:%s/secrets/kiro-api-key\nEnvironment=KIRO_API_KEY_FILE=%%d/kiro-api-key\n' "$ETC" >api-key.conf
        put api-key.conf "$dropin" 644 root:root
    elif [ -e "$dropin" ]; then
        rm -f "$dropin"
        changed=yes
    fi
}

# What was before is stopped first, so that what answers is the new one.
systemd_start() {
    systemctl reset-failed kiroclaw.service 2>/dev/null || :
    systemctl stop kiroclaw.service
    systemctl start --no-block kiroclaw.service
}

# systemd_remember RELEASE: as the one before; older ones go.
systemd_remember() {
    [ -z "$1" ] || link "$1" "$PROGRAMS/previous"
    for old in "$PROGRAMS"/*; do
        case ${old##*/} in
        current | previous | "$(systemd_current)" | "$(systemd_previous)") ;;
        *) rm -rf "$old" ;;
        esac
    done
}

# A command of kiroclaw as the service's user, whether it runs or not.
systemd_kiroclaw() {
    (cd "$ETC" && exec runuser -u kiroclaw -- /usr/local/bin/kiroclaw "$@")
}

systemd_health() {
    systemd_kiroclaw health
}

# It died at each of its starts so far, or systemd will not start it again.
systemd_gave_up() {
    systemctl show -p ActiveState -p NRestarts kiroclaw.service |
        awk -F = '$1 == "ActiveState" && $2 == "failed" { f = 1 } $1 == "NRestarts" && $2 >= 3 { f = 1 } END { exit !f }'
}

systemd_logs() {
    journalctl --unit kiroclaw.service --lines "$1" --no-pager --output short-iso
}

systemd_state() {
    echo "$(systemctl is-active kiroclaw.service) since $(systemctl show -p ActiveEnterTimestamp --value kiroclaw.service)"
}

# In /usr/local/bin, checked against its manifest.
systemd_kiro() {
    if [ -x "$DATA/.local/bin/kiro-cli" ] || command -v kiro-cli >/dev/null; then
        step "kiro-cli is there"
        return
    fi
    for tool in curl python3; do
        command -v $tool >/dev/null || fail "to fetch kiro-cli, $tool is wanted: install it"
    done
    step "fetching kiro-cli, which has some 200 MB"
    sh "$PROGRAMS/current/docker/kiro/fetch-kiro" "$KIRO_URL" latest /usr/local
    verb_restart
}

systemd_stop() {
    systemctl stop kiroclaw.service
}

systemd_remove() {
    for unit in kiroclaw-backup.timer kiroclaw.socket kiroclaw.service; do
        [ ! -e "$UNITS/$unit" ] || systemctl --quiet disable --now "$unit"
    done
    rm -rf "$UNITS"/kiroclaw.* "$UNITS"/kiroclaw-backup.* "$PROGRAMS" /usr/local/bin/kiroclaw /etc/sysusers.d/kiroclaw.conf
    systemctl daemon-reload
    systemctl reset-failed 2>/dev/null || :
}

systemd_forget_user() {
    ! id -u kiroclaw >/dev/null 2>&1 || userdel kiroclaw
}
