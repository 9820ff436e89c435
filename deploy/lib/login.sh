# kiro-cli on the server, and its login by a code that is entered in a browser. Sourced; defines functions only.
# shellcheck shell=sh

# Its login belongs to the service's user, from whose home each runtime of kiro-cli is given it.
login() {
    case ${mode:=$(fact mode)} in
    systemd) ;;
    '') die "kiroclaw is not installed on $host: leave --login out" ;;
    *)
        die "in a container kiro-cli wants an image that has it: docker/build with WORK=1 makes one, KIROCLAW_IMAGE in /opt/kiroclaw/.env names it. Or take a key: --api-key-file"
        ;;
    esac
    say "" "kiro-cli on $host:"
    change_there kiro
    say "It shows an address and a code: open the address in a browser, here or on your phone, and enter the code."
    at_terminal_there "cd /var/lib/kiroclaw && exec runuser -u kiroclaw -- env HOME=/var/lib/kiroclaw kiro-cli login --use-device-flow" ||
        die "there is no login yet. Try again: $0 --ssh=$target --login"
    change_there restart
}
