# kiroclaw in a container: by Docker Compose, or by a unit of systemd for Podman (Quadlet). What belongs to a version lies in
# /opt/kiroclaw/versions/VERSION; `current` and `previous` there are links.
# shellcheck shell=sh

readonly OPT=/opt/kiroclaw
readonly QUADLET=/etc/containers/systemd/kiroclaw.container
readonly APPARMOR=/etc/apparmor.d/kiroclaw
# The image's user. Nobody on the host needs to have this number.
readonly INSIDE=1000

docker_place() { engine_place docker "$1"; }
podman_place() { engine_place podman "$1"; }

# engine_place ENGINE VERSION
engine_place() {
    put_data $INSIDE:$INSIDE
    put_settings $INSIDE $INSIDE
    release=$2
    sum=$(sha256sum release/kiroclaw | cut -d ' ' -f 1)
    if [ -e "$OPT/versions/$release" ] && [ "$(cat "$OPT/versions/$release/sum")" != "$sum" ]; then
        release=$release-$(printf %.8s "$sum")
    fi
    if ! "$1" image inspect "kiroclaw:$release" >/dev/null 2>&1; then
        step "the image kiroclaw:$release"
        VERSION=$release sh release/docker/oci image.tar release/kiroclaw
        "$1" load --quiet --input image.tar >/dev/null
        rm -f image.tar
    fi
    if [ ! -e "$OPT/versions/$release" ]; then
        install -d -m 755 "$OPT" "$OPT/versions"
        rm -rf "$OPT/incoming"
        cp -R release/docker "$OPT/incoming"
        confine "$OPT/incoming"
        echo "$sum" >"$OPT/incoming/sum"
        chmod -R u=rwX,go=rX "$OPT/incoming"
        mv -T "$OPT/incoming" "$OPT/versions/$release"
    fi
    # Who has the image for work keeps it.
    case $(engine_image "$1" "$(engine_link current)") in kiroclaw-work:*) engine_work "$1" "$release" ;; esac
}

# engine_image ENGINE VERSION: the one for work, with kiro-cli, where there is one of that version.
engine_image() {
    if [ -z "${plain-}" ] && "$1" image inspect "kiroclaw-work:$2" >/dev/null 2>&1; then echo "kiroclaw-work:$2"; else echo "kiroclaw:$2"; fi
}

# engine_work ENGINE VERSION: the image for work, built here where there is none. OCI's own format has no health check.
engine_work() {
    [ "$(engine_image "$1" "$2")" = "kiroclaw:$2" ] || return 0
    step "building the image kiroclaw-work:$2, a Debian with kiro-cli and what agents use; it takes some 2 GB and minutes"
    engine=$1 built=$2
    set -- --build-arg "KIROCLAW=kiroclaw:$built" --build-arg "VERSION=$built" --tag "kiroclaw-work:$built" "$OPT/versions/$built/kiro"
    [ "$engine" = docker ] || set -- --format docker "$@"
    "$engine" build "$@" >build.log 2>&1 9>&- && return
    tail -n 10 build.log | sed 's/^/      /'
    fail "the image for work could not be built; what runs here is as it was. Mend what it says and try again, or build it elsewhere" \
        "(WORK=1 VERSION=$built docker/build; $engine save kiroclaw-work:$built), load it here ($engine load), and try again"
}

docker_kiro() { engine_kiro docker; }
podman_kiro() { engine_kiro podman; }

# engine_kiro ENGINE: goes over to the image for work, and back where that does not get healthy.
engine_kiro() {
    if "$1" exec kiroclaw kiro-cli --version >/dev/null 2>&1; then
        step "kiro-cli is there"
        return
    fi
    release=$(engine_link current)
    engine_work "$1" "$release"
    "$1" run --rm --network none --read-only --tmpfs /tmp --entrypoint kiro-cli "kiroclaw-work:$release" --version >/dev/null 2>&1 9>&- ||
        fail "the image kiroclaw-work:$release has no kiro-cli that runs. There: $1 image rm kiroclaw-work:$release; then this again, which builds another one"
    step "starting kiroclaw-work:$release"
    "${mode}_switch" "$release"
    "${mode}_start"
    if healthy_in_time; then
        step "healthy"
        return
    fi
    tell_log
    plain=yes
    go_back "$release"
    "$1" image rm "kiroclaw-work:$release" >/dev/null
    fail "kiroclaw-work:$release does not get healthy, so kiroclaw:$release runs again"
}

# confine DIRECTORY: what is in it starts the container by our AppArmor profile, where there is AppArmor. There is one for all versions.
confine() {
    if sh "$1/apparmor" >apparmor.log 2>&1; then
        step "AppArmor's profile kiroclaw"
        sed -i 's/KIROCLAW_APPARMOR:-unconfined/KIROCLAW_APPARMOR:-kiroclaw/' "$1/compose.yaml"
        sed -i 's/apparmor=unconfined/apparmor=kiroclaw/' "$1/kiroclaw.container"
    fi
}

no_longer_confine() {
    [ -e "$APPARMOR" ] || return 0
    apparmor_parser --remove "$APPARMOR" 2>/dev/null || :
    rm -f "$APPARMOR"
}

docker_current() { engine_link current; }
docker_previous() { engine_link previous; }
podman_current() { engine_link current; }
podman_previous() { engine_link previous; }

engine_link() {
    basename "$(readlink "$OPT/$1" 2>/dev/null || :)"
}

# docker_switch VERSION: everything that belongs to it; Compose reads what differs from its file's defaults from .env beside it, where what
# the operator says of memory and processors stays.
docker_switch() {
    [ "$(docker_current)" = "$1" ] || changed=yes
    for file in compose.yaml compose.key.yaml container.json; do
        put "$OPT/versions/$1/$file" "$OPT/$file" 644 root:root
    done
    {
        printf 'KIROCLAW_IMAGE=%s\nKIROCLAW_DATA=%s\nKIROCLAW_CONFIG=%s\n' "$(engine_image docker "$1")" "$INNER" "$ETC"
        [ ! -e "$OPT/.env" ] || grep -Ev '^KIROCLAW_(IMAGE|DATA|CONFIG)=' "$OPT/.env" || :
    } >compose.env
    put compose.env "$OPT/.env" 644 root:root
    link "versions/$1" "$OPT/current"
}

# compose WORDS…: with the key of kiro-cli where there is one. The lock that this script holds is not the engine's.
compose() {
    [ ! -s "$ETC/secrets/kiro-api-key" ] || set -- --file compose.key.yaml "$@"
    set -- --project-name kiroclaw --file compose.yaml "$@"
    (
        cd "$OPT"
        if docker compose version >/dev/null 2>&1; then exec docker compose "$@"; else exec docker-compose "$@"; fi
    ) 9>&-
}

docker_start() {
    compose up --detach --force-recreate --remove-orphans >compose.log 2>&1 || { cat compose.log >&2 && return 1; }
}

# docker_remember VERSION: as the one before; older ones and their images go.
docker_remember() { engine_remember docker "$1"; }
podman_remember() { engine_remember podman "$1"; }

engine_remember() {
    [ -z "$2" ] || link "versions/$2" "$OPT/previous"
    for old in "$OPT/versions"/*; do
        case ${old##*/} in
        "$(engine_link current)" | "$(engine_link previous)") ;;
        *)
            engine_forget "$1" "${old##*/}"
            rm -rf "$old"
            ;;
        esac
    done
}

# engine_forget ENGINE VERSION: its images.
engine_forget() {
    for image in "kiroclaw-work:$2" "kiroclaw:$2"; do
        while "$1" image rm "$image" >/dev/null 2>&1; do :; done # under each of its names
    done
}

# A command of kiroclaw in its container, or in one like it where it does not run.
docker_kiroclaw() {
    if [ "$(docker inspect --format '{{.State.Running}}' kiroclaw 2>/dev/null)" = true ]; then
        docker exec --interactive kiroclaw kiroclaw "$@"
    else
        compose run --rm -T kiroclaw "$@"
    fi
}

podman_kiroclaw() {
    if systemctl --quiet is-active kiroclaw.service; then
        podman exec --interactive kiroclaw kiroclaw "$@"
    else
        podman run --rm --interactive --pull never --network none --read-only --read-only-tmpfs=false --cap-drop all --user $INSIDE:$INSIDE \
            --security-opt no-new-privileges --security-opt "seccomp=$OPT/container.json" --security-opt apparmor=unconfined \
            --volume "$INNER:$DATA" --volume "$ETC:$ETC:ro" --tmpfs /tmp "$(engine_image podman "$(engine_link current)")" "$@" 9>&-
    fi
}

docker_health() { docker exec kiroclaw kiroclaw health; }
podman_health() { podman exec kiroclaw kiroclaw health; }

docker_gave_up() {
    [ "$(docker inspect --format '{{.RestartCount}}' kiroclaw 2>/dev/null || echo 0)" -ge 3 ]
}

docker_logs() { docker logs --tail "$1" kiroclaw 2>&1; }

docker_state() { docker inspect --format '{{.State.Status}} since {{.State.StartedAt}}' kiroclaw; }

docker_stop() {
    compose stop >compose.log 2>&1 || { cat compose.log >&2 && return 1; }
}

docker_remove() {
    [ ! -e "$OPT/compose.yaml" ] || compose down --remove-orphans >/dev/null 2>&1 || fail "docker compose down failed in $OPT"
    engine_remove docker
    no_longer_confine
}

# engine_remove ENGINE
engine_remove() {
    for old in "$OPT/versions"/*; do engine_forget "$1" "${old##*/}"; done
    rm -rf "$OPT"
}

# podman_switch VERSION: the unit, run by root, with the image of that version. Nobody's id inside is one of the host's.
podman_switch() {
    [ "$(podman_current)" = "$1" ] || changed=yes
    put "$OPT/versions/$1/container.json" "$OPT/container.json" 644 root:root
    # Podman takes what was loaded under a plain name for one of Docker's registry, which is where nobody shall look for ours.
    image=$(engine_image podman "$1")
    podman tag "$image" "localhost/$image"
    sed -e "s|^Image=.*|Image=localhost/$image|" -e "s|^Volume=[^:]*:$DATA|Volume=$INNER:$DATA|" -e '/^UserNS=/d' \
        "$OPT/versions/$1/kiroclaw.container" >kiroclaw.container
    podman_put_secret bot-token
    if [ -s "$ETC/secrets/kiro-api-key" ]; then
        podman_put_secret kiro-api-key
        sed -i "/^Secret=/a Environment=KIRO_API_KEY_FILE=/run/kiro-api-key\nSecret=kiroclaw-kiro-api-key,type=mount,target=/run/kiro-api-key,uid=$INSIDE,gid=$INSIDE,mode=0400" kiroclaw.container
    fi
    put kiroclaw.container "$QUADLET" 644 root:root
    link "versions/$1" "$OPT/current"
    systemctl daemon-reload
}

podman_put_secret() {
    podman secret rm "kiroclaw-$1" >/dev/null 2>&1 || :
    podman secret create "kiroclaw-$1" "$ETC/secrets/$1" >/dev/null
}

podman_start() {
    systemctl reset-failed kiroclaw.service 2>/dev/null || :
    systemctl stop kiroclaw.service
    systemctl start --no-block kiroclaw.service
}

podman_stop() { systemctl stop kiroclaw.service; }
podman_gave_up() { systemd_gave_up; }
podman_logs() { systemd_logs "$1"; }
podman_state() { systemd_state; }

podman_remove() {
    systemctl stop kiroclaw.service 2>/dev/null || :
    rm -f "$QUADLET"
    systemctl daemon-reload
    podman secret rm kiroclaw-bot-token kiroclaw-kiro-api-key >/dev/null 2>&1 || :
    engine_remove podman
    no_longer_confine
}
