//! The order for one jail: all that the process needs that makes it, from the warden's own configuration.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::{AgentConfig, AgentKind, Config, Secrets};
use crate::jail::{Home, Plan, PlanError};
use crate::model::{Secret, UserId};
use crate::provision::Homestead;

/// Kiro's own key, for Kiro's environment alone.
pub const KIRO_API_KEY: &str = "KIRO_API_KEY";

/// What a jail is to be made for. First and only message to it; its stdin, stdout and stderr go beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JailOrder {
    /// What the command may see and reach.
    pub plan: Plan,
    /// The home to be made ready before.
    pub homestead: Homestead,
    /// Variables of the command's environment that are secret. The command sees them: its model's key, since agents take it nowhere else.
    pub secrets: BTreeMap<String, Secret<String>>,
}

impl JailOrder {
    /// The order for a runtime of `agent` for `user`.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn for_runtime(config: &Config, secrets: &Secrets, agent: &AgentConfig, user: &UserId) -> Result<Self, PlanError> {
        let kiro_api_key = secrets.kiro_api_key.clone().filter(|_| matches!(agent.kind, AgentKind::Kiro(_)));
        let homestead = Homestead {
            home_dir: config.home_dir(user, &agent.name),
            user_workspaces: config.user_workspaces(user),
            kind: agent.kind,
            agent: agent.name.clone(),
            kiro_config: config.kiro_config.clone(),
            login: config.kiro_login.clone().filter(|_| kiro_api_key.is_none()),
        };
        let plan = Plan::for_runtime(config, agent, user, &home_of(&homestead))?;
        let mut secrets = secrets.of_agents.get(&agent.name).cloned().unwrap_or_default();
        secrets.extend(kiro_api_key.map(|key| (KIRO_API_KEY.to_owned(), key)));
        Ok(Self { plan, homestead, secrets })
    }
}

/// The directories of a homestead, as a plan grants them.
pub fn home_of(homestead: &Homestead) -> Home {
    Home { home: homestead.home(), tmp: homestead.tmp(), kiro: homestead.kiro_home(), writable: homestead.writable_dirs() }
}
