//! Throwing the kill switch and taking it back.
//!
//! A throw waits for nobody: not for a change under way, not for the disk, not for the state. It holds first, and then is
//! kept and written down as well as that is possible.

use std::io;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::{Cutover, Kept, Scope};
use crate::ids::NumberName;
use crate::state::{Change, Timestamp};

/// Longer than this nobody waits for the disk or the state in an emergency.
const PATIENCE: Duration = Duration::from_secs(2);

/// What became of a throw of the switch, besides that it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thrown {
    /// Whether it survives a restart.
    pub kept: Kept,
    /// Whether the history has it.
    pub recorded: bool,
}

impl Cutover {
    /// Throws the kill switch.
    pub async fn kill(&self, scope: Scope, who: &str, reason: &str) -> Thrown {
        self.kill.throw(&scope);
        self.publish_switch();
        let (switch, names) = (Arc::clone(&self.kill), self.names());
        let keeping = tokio::task::spawn_blocking(move || switch.keep(&names));
        let kept = match tokio::time::timeout(PATIENCE, keeping).await {
            Ok(Ok(kept)) => kept,
            Ok(Err(error)) => Kept::InMemory(error.to_string()),
            Err(_) => Kept::InMemory("the disk does not answer".to_owned()),
        };
        let recorded = self.record_switch(&scope, who, reason, "thrown").await;
        Thrown { kept, recorded }
    }

    /// Takes the kill switch back. Where its file cannot be changed, nothing is taken back. The value says whether the
    /// history has it.
    pub async fn revive(&self, scope: Scope, who: &str, reason: &str) -> io::Result<bool> {
        let (switch, of, names) = (Arc::clone(&self.kill), scope.clone(), self.names());
        tokio::task::spawn_blocking(move || switch.revive(&of, &names))
            .await
            .map_err(io::Error::other)??;
        self.publish_switch();
        Ok(self.record_switch(&scope, who, reason, "not thrown").await)
    }

    /// Looks whether the kill file came, went or changed.
    pub async fn look_at_kill_file(&self) {
        let (switch, names) = (Arc::clone(&self.kill), self.names());
        let looked = tokio::task::spawn_blocking(move || switch.look(&names)).await;
        if !looked.unwrap_or_default() {
            return;
        }
        self.publish_switch();
        let names = self.names();
        let thrown = names.iter().filter(|name| self.kill.is_thrown(name));
        let thrown: Vec<&str> = thrown.map(NumberName::as_str).collect();
        let path = self.kill.path().display();
        match thrown.is_empty() {
            true => tracing::warn!(%path, "the kill switch is not thrown any more"),
            false => {
                let numbers = thrown.join(", ");
                tracing::warn!(numbers, %path, "the kill switch is thrown; these numbers go back to on-prem");
            }
        }
    }

    /// Whether the switch is thrown for a number.
    pub fn is_killed(&self, number: &NumberName) -> bool {
        self.kill.is_thrown(number)
    }

    fn publish_switch(&self) {
        let _held = self
            .publishing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for (name, published) in &self.published {
            let (now, killed) = (published.load(), self.kill.is_thrown(name));
            if now.killed != killed {
                published.current.store(Arc::new(now.with_switch(killed)));
            }
        }
    }

    async fn record_switch(&self, scope: &Scope, who: &str, reason: &str, new: &str) -> bool {
        let number = match scope {
            Scope::All => None,
            Scope::Number(number) => Some(number.clone()),
        };
        let shown = number.as_ref().map_or("all", NumberName::as_str);
        tracing::warn!(number = shown, who, reason, new, "kill switch");
        let change = Change {
            at: Timestamp::now(),
            who: who.to_owned(),
            number,
            what: "kill switch".to_owned(),
            old: String::new(),
            new: new.to_owned(),
            reason: reason.to_owned(),
        };
        let why = match tokio::time::timeout(PATIENCE, self.state.change(Vec::new(), change)).await
        {
            Ok(Ok(_)) => return true,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the state does not answer; it may have it later".to_owned(),
        };
        tracing::error!(why, "the kill switch is not in the history");
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::state::State;

    #[tokio::test]
    async fn a_throw_waits_for_no_change_and_no_change_undoes_it() {
        let folder = tempfile::tempdir().unwrap();
        let toml = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n[cutover]\nkill_file = \"{}/kill\"\n[[numbers]]\nname = \"support\"\n\
             [numbers.onprem]\nurl = \"https://10.0.0.5\"\n",
            folder.path().display()
        );
        let config = config::parse(&toml, folder.path()).unwrap();
        let state = State::open(&folder.path().join("state.db")).unwrap();
        let cutover = Cutover::load(state, &config, None).await.unwrap();
        let name = NumberName::parse("support").unwrap();
        let published = cutover.of(&name).unwrap();

        let under_way = cutover.layers().await;
        let thrown = cutover.kill(Scope::All, "anna", "a trial").await;
        assert_eq!(thrown.kept, Kept::InFile);
        assert!(thrown.recorded && published.load().killed);
        cutover.publish_all(&under_way);
        assert!(published.load().killed);
        assert!(cutover.revive(Scope::All, "anna", "a trial").await.unwrap());
        assert!(!published.load().killed);
    }
}
