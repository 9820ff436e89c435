# shellcheck shell=bash
# shellcheck disable=SC2154,SC2016 # tests/deploy/run sets what stands in capitals; single quotes are for the shell there
# The life of a kiroclaw in a container of another machine, by a user who has to become root: parts of tests/deploy/run.

part_docker() { in_containers_of docker; }
part_podman() { in_containers_of podman; }

in_containers_of() {
    engine=$1
    another_machine
    there "echo 'tester ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/tester"
    step "$engine: installed with --yes" in_a_container
    step "$engine: its fences are in force" fences
    step "$engine: what says how it is" checked
    [[ $engine == docker ]] || step "podman: the unit is understood" unit_is_understood
    step "$engine: a conversation" talk contained
    step "$engine: what a backup has goes on there" restored_in_a_container
    step "$engine: a backup of it" saved_from_a_container
    step "$engine: status, log and restart" looked_after_in_a_container
    step "$engine: update" update_of_a_container
    step "$engine: an update that dies goes back" container_goes_back
    step "$engine: kiro-cli's login, where there is no image for it" no_image_for_work
    step "$engine: kiro-cli's login" login_in_a_container
    step "$engine: an update keeps the image for work, or is none" update_for_work
    step "$engine: the machine restarts" machine_with_a_container_restarts
    step "$engine: uninstalled" container_gone
}

in_a_container() {
    [[ $engine != docker ]] || there "systemctl --quiet enable --now docker"
    lead_to_telegram
    echo "ALLOWED_TELEGRAM_IDS=$ANA" >"$DIR/answers.env"
    local start=$SECONDS
    as=user deploy 0 --yes "--mode=$engine" --token-file="$DIR/token" --config="$DIR/answers.env"
    said healthy
    telegram polled
    printf '   %s s from deploy.sh to the first poll\n' $((SECONDS - start))
    # A second time there is nothing to do.
    as=user deploy 0 --yes "--mode=$engine"
    said "nothing to change: version 0.1.0 is healthy"
}

# What the container reaches at its own loopback is the stand-in.
lead_to_telegram() {
    there "cat >/root/relay.py && (python3 /root/relay.py ${base##*:} >/root/relay.log 2>&1 &)" <tests/deploy/relay.py
}

# The kernel's own words about the container's first process.
readonly FENCES='at=/sys/fs/cgroup$(sed s/^0::// /proc/$pid/cgroup)
while test "$at" != /sys/fs/cgroup && test "$(cat "$at/memory.max")" = max; do at=${at%/*}; done
echo "memory $(cat "$at/memory.max") pids $(cat "$at/pids.max") cpu $(cat "$at/cpu.max")"
awk "/^Max open files/ { print \"nofile\", \$4, \$5 } /^Max core file size/ { print \"core\", \$5 }" /proc/$pid/limits
awk "/^(CapEff|CapBnd|NoNewPrivs|Seccomp|Uid):/ { print \$1, \$2 }" /proc/$pid/status
awk "\$5 == \"/\" { print \"root\", substr(\$6, 1, 2) } \$5 == \"/tmp\" { print \"tmp\", (\$6 ~ /noexec/) }" /proc/$pid/mountinfo
echo "apparmor $(cat /proc/$pid/attr/current 2>/dev/null)"'

fences() {
    there "pid=\$($engine inspect --format '{{.State.Pid}}' kiroclaw); $FENCES" >"$DIR/fences"
    sed 's/^/   /' "$DIR/fences"
    local line
    for line in "memory 419430400 pids 1536 cpu 90000 100000" "nofile 4096 4096" "core 0" "CapEff: 0000000000000000" \
        "CapBnd: 0000000000000000" "NoNewPrivs: 1" "Seccomp: 2" "Uid: 1000" "root ro" "tmp 1"; do
        grep -qx "$line" "$DIR/fences" || { echo "   it is not so: $line" && return 1; }
    done
}

# The engine's own health check; and a jail in there holds an agent to what its policy needs.
checked() {
    eventually engine_says healthy
    there "$engine exec kiroclaw kiroclaw doctor" >"$DIR/said" || true
    sed 's/^/   /' "$DIR/said"
    there "$engine exec kiroclaw kiroclaw policy explain tg-acp" >"$DIR/said"
}

engine_says() { [[ $(there "$engine inspect --format '{{.State.Health.Status}}' kiroclaw") == "$1" ]]; }

# By the generator that systemd runs, and by systemd.
unit_is_understood() {
    there '/usr/libexec/podman/quadlet -dryrun 2>&1 >/dev/null' >"$DIR/said"
    not grep -v 'Loading source unit file' "$DIR/said"
    there 'journalctl -q -b --no-pager -o cat -t podman-system-generator -t quadlet-generator || true' >"$DIR/said"
    not grep -Ei 'unsupported|warn|not a fully|error' "$DIR/said"
    there 'systemd-analyze verify /run/systemd/generator/kiroclaw.service 2>&1 || true' >"$DIR/said"
    not grep -F kiroclaw.service: "$DIR/said"
}

# The session of the other machine, where there was one: what it remembers is taken up where that one was.
restored_in_a_container() {
    local backup=$DIR/conversation.age
    if [[ ! -e $backup ]]; then
        echo "correct horse" >"$DIR/passphrase"
        as=user program=backup.sh deploy 0 --to="$DIR/contained" --passphrase-file="$DIR/passphrase" --yes
        backup=$(echo "$DIR"/contained/*.age)
    fi
    as=user program=backup.sh deploy 0 --restore="$backup" --passphrase-file="$DIR/passphrase" --yes
    said healthy
    there "! runuser -u tester -- ls /var/lib/kiroclaw 2>/dev/null"
    there "find /var/lib/kiroclaw/container/workspaces -mindepth 2 -maxdepth 2 | grep -q ."
    talk taken-up
}

saved_from_a_container() {
    as=user program=backup.sh deploy 0 --to="$DIR/of-$engine" --passphrase-file="$DIR/passphrase" --yes
    "$(realpath "$BINARY")" restore --check --from "$DIR/of-$engine"/*.age --passphrase-file "$DIR/passphrase"
    there "! test -e /var/lib/kiroclaw/container/backup.pipe"
}

looked_after_in_a_container() {
    as=user deploy 0 --status
    sed 's/^/   /' "$DIR/said"
    said "by $engine"
    as=user deploy 0 --restart
    said healthy
    as=user deploy 0 --logs=20
    said "kiroclaw serves"
}

# runs IMAGE
runs() {
    there "$engine inspect --format '{{.Config.Image}}' kiroclaw" | grep -Eqx "(localhost/)?$1" || { echo "   it does not run $1" && return 1; }
}

update_of_a_container() {
    release=kiroclaw-0.1.1 as=user deploy 0 --update --yes
    runs kiroclaw:0.1.1
    talk updated-in-a-container
}

container_goes_back() {
    release=kiroclaw-0.2.0-dies as=user deploy 1 --update --yes
    said "so version 0.1.1 runs again"
    runs kiroclaw:0.1.1
    talk back-in-a-container
}

# Nothing can be pulled here, so what would be built is not.
no_image_for_work() {
    local code=0
    printf 'wait could not be built\n' >"$DIR/script"
    python3 tests/deploy/typist.py "$DIR/script" -- \
        dash "$DIR/kiroclaw-0.1.1/deploy/deploy.sh" --ssh=user "--ssh-config=$DIR/ssh_config" --login >"$DIR/said" || code=$?
    ((code == 1))
    said "WORK=1 VERSION=0.1.1 docker/build"
    runs kiroclaw:0.1.1
    as=user deploy 0 --status
}

login_in_a_container() {
    image_for_work 0.1.1
    log_in kiroclaw-0.1.1 user "enter ABCD-1234"
    runs kiroclaw-work:0.1.1
    log_in kiroclaw-0.1.1 user "It is logged in already"
    telegram say "$ANA" "/new" >/dev/null
    # It refuses whoever is not logged in.
    talk by-kiro-cli
    telegram say "$ANA" "which agent" >/dev/null
    telegram wait "$ANA" "tg-acp" "$PATIENCE" >/dev/null
}

# image_for_work VERSION: bash, a little more, and kiro-cli's stand-in, in place of the Debian that docker/kiro makes.
image_for_work() {
    [[ -d $DIR/work ]] || lay_out_work "$DIR/work"
    tar -C "$DIR/work" --owner=0 --group=0 -cz . | there "$engine import --change 'USER 1000:1000' --change 'WORKDIR /etc/kiroclaw' \
        --change 'ENTRYPOINT [\"kiroclaw\"]' --change 'CMD [\"run\"]' --change 'VOLUME /var/lib/kiroclaw' --change 'ENV HOME=/var/lib/kiroclaw' \
        --change 'ENV PATH=/usr/local/bin:/usr/bin:/bin' --change 'ENV STATE_DIR=/var/lib/kiroclaw/state' \
        --change 'ENV WORKSPACE_BASE_PATH=/var/lib/kiroclaw/workspaces' - kiroclaw-work:$1 2>&1"
}

# lay_out_work ROOT
lay_out_work() {
    local root=$1 name
    mkdir -p "$root"/{usr/bin,usr/local/bin,usr/lib,usr/lib64,etc/kiroclaw,var/lib/kiroclaw,tmp}
    ln -s usr/bin usr/lib usr/lib64 "$root"
    for name in bash cat echo timeout; do cp "/usr/bin/$name" "$root/usr/bin/"; done
    ln -s bash "$root/usr/bin/sh"
    cp "$BINARY" "$root/usr/local/bin/kiroclaw"
    for name in kiro-cli kiro-cli-chat; do cp "$DIR/kiro-cli" "$root/usr/local/bin/$name"; done
    echo '{"require_login": true}' >"$root/usr/local/bin/stand-in.json"
    ldd "$root"/usr/bin/* "$root/usr/local/bin/kiro-cli" | grep -o '/lib[^ ]*' | sort -u | while read -r name; do cp -L --parents "$name" "$root"; done
}

update_for_work() {
    release=kiroclaw-0.1.2 as=user deploy 1 --update --yes
    said "could not be built"
    runs kiroclaw-work:0.1.1
    as=user deploy 0 --status
    image_for_work 0.1.2
    release=kiroclaw-0.1.2 as=user deploy 0 --update --yes
    runs kiroclaw-work:0.1.2
    talk by-kiro-cli-updated
}

machine_with_a_container_restarts() {
    reboot_there
    lead_to_telegram
    eventually there "$engine exec kiroclaw kiroclaw health"
    talk after-the-restart
}

container_gone() {
    as=user deploy 0 --uninstall --purge --yes
    there "test -z \"\$($engine ps -aq)\" && ! test -e /opt/kiroclaw && ! test -e /var/lib/kiroclaw && ! $engine images | grep kiroclaw"
    [[ $engine == docker ]] || there "! test -e /etc/containers/systemd/kiroclaw.container && test -z \"\$(podman secret ls --quiet)\""
}
