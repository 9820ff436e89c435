//! Whether the agents are there, and kiro-cli logged in.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use super::report::{Area, Finding};
use crate::config::{AgentConfig, AgentKind, Config, Secrets, Sources};
use crate::model::UserId;
use crate::subcommands::ask::{Answer, CommandError, ask};
use crate::warden::{JailOrder, KIRO_API_KEY};

/// Time for kiro-cli to say its version or who is logged in: the first start of a node program on a small server took seconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// Longest part of a program's answer that is shown, in characters.
const SHOWN: usize = 80;

/// Every agent's jail is planned as for a real start; kiro-cli is asked besides.
pub(super) fn findings(config: &Config, secrets: &Secrets, sources: &Sources) -> Vec<Finding> {
    config.agents.values().flat_map(|agent| of_agent(config, secrets, sources, agent)).collect()
}

fn of_agent(config: &Config, secrets: &Secrets, sources: &Sources, agent: &AgentConfig) -> Vec<Finding> {
    let name = &agent.name;
    let user = UserId::local(rustix::process::geteuid().as_raw());
    let order = match JailOrder::for_runtime(config, secrets, agent, &user) {
        Ok(order) => order,
        // The gateway stays up and tells its users; but no agent is what `run` is not started for.
        Err(error) => return vec![Finding::fail(Area::Agent, format!("{name}: {error}"), "")],
    };
    match agent.kind {
        AgentKind::BuiltIn => vec![Finding::warn(
            Area::Agent,
            format!("{name}: kiro-cli was not found; the built-in demo agent answers, which has no model"),
            "install kiro-cli, or name another ACP agent in AGENT_COMMAND",
        )],
        AgentKind::Acp => vec![Finding::ok(Area::Agent, format!("{name}: {}", order.plan.program.display()))],
        AgentKind::Kiro(_) => {
            let home = sources.environment.get("HOME").map(String::as_str);
            let program = &order.plan.program;
            let mut findings = vec![judge_version(name.as_str(), program, ask(program, &["--version"], home, Stdio::null(), PATIENCE))];
            findings.push(template(config, agent));
            findings.push(if order.secrets.contains_key(KIRO_API_KEY) {
                Finding::ok(Area::Agent, "kiro-cli: KIRO_API_KEY is set, so no login is needed")
            } else {
                let said = ask(program, &["whoami", "--format", "json"], home, Stdio::null(), PATIENCE);
                judge_login(said, order.homestead.login.is_some())
            });
            findings
        }
    }
}

fn judge_version(name: &str, program: &Path, answer: Result<Answer, CommandError>) -> Finding {
    let program = program.display();
    match answer {
        Ok(answer) if answer.status.success() => {
            let version: String = answer.text.trim().chars().take(SHOWN).collect();
            Finding::ok(Area::Agent, format!("{name}: {program}, {version}"))
        }
        Ok(answer) => Finding::warn(
            Area::Agent,
            format!("{name}: `{program} --version` failed ({})", answer.status),
            "see by hand what it says; perhaps it is to be installed anew",
        ),
        Err(error) => Finding::warn(Area::Agent, format!("{name}: `{program} --version` {error}"), "see by hand what it says"),
    }
}

/// kiro-cli falls back to its own default agent where it finds none of the name.
fn template(config: &Config, agent: &AgentConfig) -> Finding {
    let directory = config.kiro_config.join("agents");
    let found = ["json", "md"].iter().any(|ending| directory.join(format!("{}.{ending}", agent.name)).is_file());
    if found {
        Finding::ok(Area::Agent, format!("{}: its template is in {}", agent.name, directory.display()))
    } else {
        Finding::warn(
            Area::Agent,
            format!("{}: there is no template of this name in {}", agent.name, directory.display()),
            "set KIRO_CONFIG_PATH to where the templates are, or KIRO_AGENT_NAME to one of them",
        )
    }
}

/// `file`: the login is where it can be copied from into the agent's home.
fn judge_login(answer: Result<Answer, CommandError>, file: bool) -> Finding {
    const LOG_IN: &str = "run `kiro-cli login --use-device-flow` as this user, or set KIRO_API_KEY";
    match answer {
        Ok(answer) if answer.status.success() && !file => Finding::warn(
            Area::Agent,
            "kiro-cli: logged in, but not by ~/.local/share/kiro-cli/data.sqlite3, which is what a jailed kiro-cli is given",
            LOG_IN,
        ),
        // Whose account it is matters to nobody who reads a report.
        Ok(answer) if answer.status.success() => Finding::ok(Area::Agent, "kiro-cli: logged in"),
        Ok(_) => Finding::warn(Area::Agent, "kiro-cli: not logged in; it will refuse to answer", LOG_IN),
        Err(error) => Finding::warn(Area::Agent, format!("kiro-cli: whether it is logged in is not known: `whoami` {error}"), LOG_IN),
    }
}
