//! What is said of hosts that agents were refused.

use super::{English, German, code};
use crate::model::{AgentName, Target};
use crate::store::{HostAnswer, HostRecord};

/// How a refusal can be mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway) enum Mend {
    /// By the buttons under the notice.
    Buttons,
    /// By an operator, who is somebody else.
    Operator,
    /// In the settings alone.
    Settings,
}

/// Texts about hosts.
pub(in crate::gateway) trait HostTexts {
    /// An agent was refused a host.
    fn host_refused(&self, agent: &AgentName, target: &Target, mend: Mend) -> String;
    /// Further hosts are refused, and not told of one by one.
    fn more_hosts_refused(&self) -> String;
    /// The labels of Allow once, Always, No, Take back, and Back. Plain.
    fn host_labels(&self) -> [&'static str; 5];
    /// It is allowed to what runs.
    fn host_once(&self, target: &Target) -> String;
    /// Nothing runs that could be allowed it. Plain.
    fn host_not_once(&self) -> String;
    /// It is allowed for good.
    fn host_always(&self, agent: &AgentName, target: &Target) -> String;
    /// It is not allowed.
    fn host_no(&self, target: &Target) -> String;
    /// What was said of it is taken back.
    fn host_forgotten(&self, target: &Target) -> String;
    /// There is no room for another. Plain.
    fn too_many_hosts(&self) -> String;
    /// Above the list.
    fn hosts(&self, none: bool) -> &'static str;
    /// One of the list.
    fn host(&self, record: &HostRecord) -> String;
    /// The person is no operator. Plain.
    fn operators_only(&self) -> String;
}

impl HostTexts for English {
    fn host_refused(&self, agent: &AgentName, target: &Target, mend: Mend) -> String {
        let mend = match mend {
            Mend::Buttons => "Allow it only if you know why.",
            Mend::Operator => "An operator of this bot can allow it with /hosts.",
            Mend::Settings => "It can be allowed in the settings alone (EGRESS_ALLOW).",
        };
        format!("🌐 {agent} wanted to reach {}, which its policy does not name. It was refused. {mend}", code(&target.to_string()))
    }

    fn more_hosts_refused(&self) -> String {
        "🌐 The agent tries further hosts. They are refused, and for an hour they are not told of one by one; the log names them."
            .to_owned()
    }

    fn host_labels(&self) -> [&'static str; 5] {
        ["Allow once", "Always", "No", "Take back", "Back"]
    }

    fn host_once(&self, target: &Target) -> String {
        format!("✅ {} is allowed until the agent's process ends. The agent has to try again.", code(&target.to_string()))
    }

    fn host_not_once(&self) -> String {
        "No process of this agent runs for you that it could be allowed to.".to_owned()
    }

    fn host_always(&self, agent: &AgentName, target: &Target) -> String {
        format!("✅ {agent} may reach {} for everybody, from now on. /hosts takes it back.", code(&target.to_string()))
    }

    fn host_no(&self, target: &Target) -> String {
        format!("🚫 {} stays refused. You are not asked again for a day.", code(&target.to_string()))
    }

    fn host_forgotten(&self, target: &Target) -> String {
        format!("{} is no longer on the list: it is refused, and asked for when an agent wants it.", code(&target.to_string()))
    }

    fn too_many_hosts(&self) -> String {
        "Too many hosts are allowed already: take some back with /hosts, or name them in the settings.".to_owned()
    }

    fn hosts(&self, none: bool) -> &'static str {
        if none {
            "No agent wanted to reach more than its policy names."
        } else {
            "Hosts beyond the agents' policies: ✓ allowed, ✗ refused, ? not answered. Tap one to change it."
        }
    }

    fn host(&self, record: &HostRecord) -> String {
        let state = match record.answer {
            HostAnswer::Asked => "wanted to reach",
            HostAnswer::Always => "may reach",
            HostAnswer::No => "may not reach",
        };
        format!("{} {state} {}.", record.agent, code(&record.target.to_string()))
    }

    fn operators_only(&self) -> String {
        "Only an operator of this bot may do that (OPERATOR_TELEGRAM_IDS).".to_owned()
    }
}

impl HostTexts for German {
    fn host_refused(&self, agent: &AgentName, target: &Target, mend: Mend) -> String {
        let mend = match mend {
            Mend::Buttons => "Erlaube es nur, wenn du weißt, wozu.",
            Mend::Operator => "Wer diesen Bot betreibt, kann es mit /hosts erlauben.",
            Mend::Settings => "Erlauben lässt es sich nur in den Einstellungen des Dienstes (EGRESS_ALLOW).",
        };
        format!("🌐 {agent} wollte {} erreichen, was nicht in seinen Regeln steht. Es wurde abgelehnt. {mend}", code(&target.to_string()))
    }

    fn more_hosts_refused(&self) -> String {
        "🌐 Der Agent versucht es bei weiteren Hosts. Sie werden abgelehnt und eine Stunde lang nicht einzeln gemeldet; im Log stehen sie."
            .to_owned()
    }

    fn host_labels(&self) -> [&'static str; 5] {
        ["Einmal", "Immer", "Nein", "Zurücknehmen", "Zurück"]
    }

    fn host_once(&self, target: &Target) -> String {
        format!("✅ {} ist erlaubt, bis der Prozess des Agenten endet. Der Agent muss es noch einmal versuchen.", code(&target.to_string()))
    }

    fn host_not_once(&self) -> String {
        "Für dich läuft gerade kein Prozess dieses Agenten, dem es erlaubt werden könnte.".to_owned()
    }

    fn host_always(&self, agent: &AgentName, target: &Target) -> String {
        format!("✅ {agent} darf {} von nun an erreichen, für alle. /hosts nimmt es zurück.", code(&target.to_string()))
    }

    fn host_no(&self, target: &Target) -> String {
        format!("🚫 {} bleibt abgelehnt. Einen Tag lang wirst du nicht wieder gefragt.", code(&target.to_string()))
    }

    fn host_forgotten(&self, target: &Target) -> String {
        format!("{} steht nicht mehr auf der Liste: Es wird abgelehnt, und gefragt, sobald ein Agent es will.", code(&target.to_string()))
    }

    fn too_many_hosts(&self) -> String {
        "Es sind schon zu viele Hosts erlaubt: Nimm mit /hosts einige zurück, oder nenne sie in den Einstellungen des Dienstes.".to_owned()
    }

    fn hosts(&self, none: bool) -> &'static str {
        if none {
            "Kein Agent wollte mehr erreichen, als in seinen Regeln steht."
        } else {
            "Hosts über die Regeln der Agenten hinaus: ✓ erlaubt, ✗ abgelehnt, ? nicht beantwortet. Tippe auf einen, um das zu ändern."
        }
    }

    fn host(&self, record: &HostRecord) -> String {
        let (state, end) = match record.answer {
            HostAnswer::Asked => ("wollte", " erreichen"),
            HostAnswer::Always => ("darf", " erreichen"),
            HostAnswer::No => ("darf", " nicht erreichen"),
        };
        format!("{} {state} {}{end}.", record.agent, code(&record.target.to_string()))
    }

    fn operators_only(&self) -> String {
        "Das darf nur, wer diesen Bot betreibt (OPERATOR_TELEGRAM_IDS).".to_owned()
    }
}
