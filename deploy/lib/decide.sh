# What is decided here, and nothing done: whether a server fits, by which means kiroclaw is to run there, what its settings are.
# Facts are the lines `name=value` that `main look` (server/verbs.sh) tells. Sourced; defines functions only.
# shellcheck shell=sh

# The settings that may come from the environment of deploy.sh. Where things lie on the server is not for the person to say.
readonly SETTINGS="ALLOWED_TELEGRAM_IDS OPERATOR_TELEGRAM_IDS KIRO_AGENT_NAME MAX_PROCESSES MAX_PROCESSES_PER_USER IDLE_TIMEOUT_SECONDS
AGENT_COMMAND AGENT_READ_ONLY_PATHS EGRESS_ALLOW ACCEPT_MISSING TELEGRAM_API_BASE LOG_LEVEL"

# Below these a deployment fails in a worse way later: the binary, its copy and a store; the appliance and one agent.
readonly LEAST_DISK=100 # MB
readonly LEAST_MEMORY=200
readonly GOOD_DISK=1024 # an agent that builds something needs as much at once
readonly GOOD_MEMORY=400

# fact NAME: from `facts`.
fact() {
    printf '%s\n' "$facts" | sed -n "s/^$1=//p" | head -n 1
}

# at_least VERSION WANTED: both `major.minor…`; what is no number counts as 0.
at_least() {
    printf '%s\n%s\n' "$1" "$2" | LC_ALL=C awk -F '[^0-9]+' 'NR == 1 { a = $1 * 1000 + $2 } END { exit !(a >= $1 * 1000 + $2) }'
}

# The words of this repository for a machine's architecture; empty for others.
known_architecture() {
    case $1 in
    x86_64 | amd64) echo x86_64 ;;
    aarch64 | arm64) echo aarch64 ;;
    esac
}

# fits MODE: whether it can run there that way. Otherwise 1, and why in `trouble`.
fits() {
    case $1 in
    systemd)
        at_least "$(fact systemd)" 250 && return
        found=$(fact systemd)
        trouble="systemd 250 or newer is wanted there (Debian 12, Ubuntu 24.04, Fedora 36 have it); there is ${found:-none}"
        ;;
    docker)
        if ! at_least "$(fact docker)" 20.10; then
            trouble="no Docker Engine of 20.10 or newer answers there; install it (on Debian: apt-get install docker.io docker-compose), or take another --mode"
        elif [ -z "$(fact compose)" ]; then
            trouble="Docker is there but Compose is not: install docker-compose-plugin or docker-compose"
        else
            return 0
        fi
        ;;
    podman)
        at_least "$(fact podman)" 4.9 && return
        if [ -n "$(fact podman)" ]; then
            trouble="Podman there is $(fact podman), and units for it (Quadlet) want 4.9 or newer: take --mode=systemd or --mode=docker"
        else
            trouble="there is no Podman there"
        fi
        ;;
    *) trouble="it says that kiroclaw runs there by \`$1\`, which this script does not know" ;;
    esac
    return 1
}

# choose_mode WANTED: into `mode`; what is there stays, else systemd, else an engine. 1: none fits, and why in `trouble`.
choose_mode() {
    there_is=$(fact mode)
    mode=$1
    if [ -n "$mode" ] && [ -n "$there_is" ] && [ "$mode" != "$there_is" ]; then
        trouble="kiroclaw runs there by $there_is already: --uninstall it first, which keeps its data, then --mode=$mode"
        return 1
    fi
    mode=${mode:-$there_is}
    if [ -n "$mode" ]; then
        fits "$mode"
        return
    fi
    for mode in systemd docker podman; do
        fits "$mode" && return
    done
    trouble="neither systemd 250, nor Docker with Compose, nor Podman 4.9 or newer is there: install one of them"
    return 1
}

# landlock_abi KERNEL: the ABI of Landlock that a kernel has, by its version (landlock(7)); a distribution may have more.
landlock_abi() {
    abi=0
    for since in 5.13 5.19 6.2 6.7 6.10 6.12 6.15; do
        ! at_least "$1" "$since" || abi=$((abi + 1))
    done
    echo "$abi"
}

# What keeps kiroclaw from running there at all, a line each; nothing where it fits.
hindrances() {
    [ -n "$(known_architecture "$(fact arch)")" ] || echo "its processor is $(fact arch): kiroclaw is built for x86_64 and aarch64"
    if [ "$(fact landlock)" = no ]; then
        echo "its kernel has no Landlock in use: it wants Linux 5.13 or newer with landlock among its security modules (/sys/kernel/security/lsm)"
    elif ! at_least "$(fact kernel)" 5.13; then
        echo "its kernel is $(fact kernel): Landlock wants 5.13 or newer"
    fi
    [ "$(fact memory)" -ge $LEAST_MEMORY ] || echo "it has $(fact memory) MB of memory: $LEAST_MEMORY are wanted"
    [ "$(fact disk)" -ge $LEAST_DISK ] || echo "it has $(fact disk) MB of disk left (of /var/lib, /usr/local and /opt the least): $LEAST_DISK are wanted"
    [ -z "$(fact lacks)" ] || echo "it lacks $(fact lacks): install it"
}

# What a person should know, and can live with.
warnings() {
    [ "$(fact memory)" -ge $GOOD_MEMORY ] || echo "$(fact memory) MB of memory is little for an agent that builds something"
    [ "$(fact disk)" -ge $GOOD_DISK ] || echo "$(fact disk) MB of disk is little for an agent that builds something"
    case $(fact namespaces) in
    yes) ;;
    restricted)
        echo "AppArmor there keeps user namespaces from ordinary programs, and jails are weaker without: the README, \"Security, honestly\", says what that leaves open"
        ;;
    *) echo "user namespaces are switched off there (user.max_user_namespaces): jails are weaker without" ;;
    esac
}

# Reads lines `NAME=value` as kiroclaw does and writes them in their plainest form, without secrets, which have a way of their own, and
# without the places of things.
plain_settings() {
    sed -n 's/^[[:space:]]*//; s/^export[[:space:]]\{1,\}//; /^[A-Za-z_][A-Za-z0-9_]*[[:space:]]*=/p' |
        sed 's/[[:space:]]*=[[:space:]]*/=/' |
        grep -Ev '^(BOT_TOKEN|KIRO_API_KEY)(_FILE)?=|^(STATE_DIR|WORKSPACE_BASE_PATH|KIRO_CONFIG_PATH|CONFIG_FILE|HEALTH_SOCKET)=|=$' || :
}

# setting NAME: its value in the text of settings on standard input, without quotes around it and without a comment behind it.
setting() {
    sed -n "s/^[[:space:]]*//; s/^export[[:space:]]\{1,\}//; s/^$1[[:space:]]*=[[:space:]]*//p" | tail -n 1 |
        sed -e 's/^"\([^"]*\)".*$/\1/; t' -e "s/^'\([^']*\)'.*\$/\1/; t" -e 's/ #.*$//; s/[[:space:]]*$//'
}
