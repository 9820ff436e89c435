//! Whole-system tests: the real binary, its three processes and the real jail, between a stand-in for Telegram and a scripted kiro-cli.
//!
//! Each reads like a script of what people do. They need a kernel with Landlock (ABI 4 or newer), as the product does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "test code: a panic is the failure of the test")]

#[path = "system/access.rs"]
mod access;
#[path = "system/appliance.rs"]
mod appliance;
#[path = "system/backup.rs"]
mod backup;
#[path = "system/burst.rs"]
mod burst;
#[path = "system/cgroup.rs"]
mod cgroup;
#[path = "system/commands.rs"]
mod commands;
#[path = "system/conversation.rs"]
mod conversation;
#[path = "system/crash.rs"]
mod crash;
#[path = "system/display.rs"]
mod display;
#[path = "system/failures.rs"]
mod failures;
#[path = "system/faults.rs"]
mod faults;
#[path = "system/files_in.rs"]
mod files_in;
#[path = "system/files_out.rs"]
mod files_out;
#[path = "system/flush.rs"]
mod flush;
#[path = "system/groups.rs"]
mod groups;
#[path = "system/health.rs"]
mod health;
#[path = "system/hosts.rs"]
mod hosts;
#[path = "system/jail.rs"]
mod jail;
#[path = "system/kiro.rs"]
mod kiro;
#[path = "stand_in/kiro_install.rs"]
mod kiro_install;
#[path = "system/language.rs"]
mod language;
#[path = "system/limits.rs"]
mod limits;
#[path = "system/permission.rs"]
mod permission;
#[path = "system/pool.rs"]
mod pool;
#[path = "system/preferences.rs"]
mod preferences;
#[path = "system/queue.rs"]
mod queue;
#[path = "system/settings.rs"]
mod settings;
mod stand_in;
#[path = "system/topics.rs"]
mod topics;
#[path = "system/updates.rs"]
mod updates;
