//! The attack battery (`tests/attack/probes`): bare, in every form of a runtime's jail, and in each role's lock-down. Whatever is open there
//! is named in `tests/attack/policy.txt` with its reason, or fails. `tests/attack/run` compares with other sandboxes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a failed step of a test is a failed test"
)]

#[path = "attack/battery.rs"]
mod battery;
#[path = "attack/boxes.rs"]
mod boxes;
#[path = "jail/place.rs"]
#[allow(dead_code, reason = "shared with the tests of the jail, which do more with it")]
mod place;
#[path = "attack/policy.rs"]
mod policy;
#[path = "attack/stage.rs"]
mod stage;

use std::sync::Mutex;

use place::Place;

/// One battery at a time: the number of a user's processes is among what they use up.
static TURN: Mutex<()> = Mutex::new(());

/// Probes that have their effect where nothing hinders them; fewer would mean that the battery cannot fail.
const OPEN_WITHOUT_A_BOX: usize = 200;

#[test]
fn without_a_box_most_attacks_succeed() {
    let _turn = TURN.lock();
    let ends = boxes::bare();
    let open = ends.values().filter(|end| end.is_open()).count();
    println!("bare: {} probes, {open} open", ends.len());
    assert!(open >= OPEN_WITHOUT_A_BOX, "only {open} probes had their effect bare: the others prove nothing");
}

#[test]
fn in_a_runtime_s_jail_nothing_is_open_but_what_policy_names() {
    let (mut ways, mut open) = (Vec::new(), Vec::new());
    for machine in Place::everywhere().map(|(machine, _)| machine) {
        let _turn = TURN.lock();
        let (way, ends) = boxes::jail(machine);
        open.extend(policy::not_named(&way, &ends));
        ways.push(way);
    }
    if !ways.iter().any(|way| way == "Wholly") {
        println!("SKIPPED: this machine allows no namespaces, so only these forms of the jail were attacked: {ways:?}");
    }
    policy::none(&open);
}

#[test]
fn whoever_takes_the_gateway_over_gets_nothing_but_what_policy_names() {
    let _turn = TURN.lock();
    policy::check("gateway", &boxes::role("gateway"));
}

#[test]
fn whoever_takes_the_egress_over_gets_nothing_but_what_policy_names() {
    let _turn = TURN.lock();
    policy::check("egress", &boxes::role("egress"));
}

#[test]
fn whoever_takes_the_warden_over_finds_no_more_of_the_kernel_than_policy_names() {
    let _turn = TURN.lock();
    policy::check("warden", &boxes::role("warden"));
}
