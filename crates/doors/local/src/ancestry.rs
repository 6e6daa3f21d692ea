//! Which processes are an agent's own.
//!
//! Agents and people are the same user of this machine, so a process is told apart by what it descends from. An MCP
//! bridge is started by its agent: the bridge's parent, and all that descends from it, is the agent. Its shells, and
//! whatever they start, can therefore not do what only people may, not even with the owner's credential in hand.
//!
//! A process is known by its id and its starting time, since ids are used again. A caller's ancestors are read when
//! it connects, before it can go away and leave its id to another. An agent's process stays known for as long as it
//! lives, also without its bridge and through restarts of the hall (see [`crate::register`]): an agent that ends
//! either gains nothing.
//!
//! This is a fence and no wall: a process that lets itself be adopted by the system is no descendant any more, and
//! the same user can read the same files. Full separation needs another user or a sandbox.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crate::limits;
use crate::register::Register;

/// A process, told apart from a later one of the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// When it started, in the process table's own unit.
    pub started: u64,
}

/// What the process table says about an id at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// Its parent's id; 0 if it has none.
    pub parent: u32,
    /// When it started.
    pub started: u64,
}

/// The processes of this machine.
pub trait Processes: Send + Sync + 'static {
    /// The process that has this id now; `None` if there is none, or it cannot be told.
    fn look(&self, pid: u32) -> Option<Sighting>;
}

/// The process table of Linux.
#[derive(Debug, Clone, Copy, Default)]
pub struct Proc;

impl Processes for Proc {
    fn look(&self, pid: u32) -> Option<Sighting> {
        let path = PathBuf::from(format!("/proc/{pid}/stat"));
        parse_stat(&std::fs::read(path).ok()?)
    }
}

/// Reads `/proc/PID/stat`, see proc_pid_stat(5): the id, the command in parentheses, which may hold anything, the
/// state, the parent (field 4), …, the starting time in clock ticks since the machine started (field 22).
fn parse_stat(stat: &[u8]) -> Option<Sighting> {
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(&stat[end + 1..]).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let parent = fields.nth(1)?.parse().ok()?;
    let started = fields.nth(17)?.parse().ok()?;
    Some(Sighting { parent, started })
}

/// A process and its ancestors, the nearest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage(Vec<Process>);

/// The agents' processes that are known.
pub struct Ancestry {
    processes: Arc<dyn Processes>,
    register: Register,
    agents: Mutex<Vec<Agent>>,
}

/// An agent's process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Agent {
    pub(crate) process: Process,
    /// The agent's name, or its beginning.
    pub(crate) name: Arc<str>,
}

/// Why a process cannot be made an agent's own.
#[derive(Debug, thiserror::Error)]
pub enum NotAdopted {
    /// There are too many already.
    #[error("{} agents' processes are known already, and all of them live", limits::AGENTS)]
    TooMany,
    /// It could not be written down.
    #[error("it could not be written down which process the agent is: {0}")]
    NotWritten(#[from] io::Error),
}

/// Whose own a process is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owned {
    /// This agent's, through this process.
    By {
        /// The agent's name.
        name: Arc<str>,
        /// The process it descends from.
        pid: u32,
    },
    /// It cannot be told, and there are agents whose it might be.
    Untold,
}

// === impl Ancestry ===

impl Ancestry {
    /// Knows those of the register that still live.
    pub(crate) fn new(processes: Arc<dyn Processes>, register: Register) -> Self {
        let mut agents = register.agents();
        agents.retain(|agent| lives(&*processes, agent));
        Self { processes, register, agents: Mutex::new(agents) }
    }

    /// A process's ancestors at this moment; `None` if it is gone, or one of them cannot be told.
    pub fn lineage(&self, pid: u32) -> Option<Lineage> {
        let mut lineage = Vec::new();
        let mut next = pid;
        // The first process has no parent. In a namespace of their own, neither do those that entered from outside.
        while next != 0 && lineage.len() < limits::ANCESTORS {
            let sighting = self.processes.look(next)?;
            lineage.push(Process { pid: next, started: sighting.started });
            next = sighting.parent;
        }
        (!lineage.is_empty()).then_some(Lineage(lineage))
    }

    /// From now on the parent of this bridge, and all that descends from it, is the agent's own. Of a bridge that the
    /// first process started only the bridge itself is, since everything descends from that. Blocks until this is
    /// durable.
    ///
    /// # Errors
    /// If it is not. It holds all the same for as long as this hall lives, unless there are too many.
    pub fn adopt(&self, bridge: &Lineage, name: &str) -> Result<(), NotAdopted> {
        let Some(process) = bridge.0.get(1).filter(|parent| parent.pid != 1).or(bridge.0.first()) else {
            return Ok(());
        };
        let name: String = name.chars().take(limits::AGENT_NAME).collect();
        let agent = Agent { process: *process, name: name.into() };
        {
            let mut agents = self.agents.lock().expect("nothing panics while it is held");
            agents.retain(|known| lives(&*self.processes, known));
            let full = agents.len() >= limits::AGENTS;
            match agents.iter_mut().find(|known| known.process == agent.process) {
                Some(known) => *known = agent,
                None if full => return Err(NotAdopted::TooMany),
                None => agents.push(agent),
            }
        }
        Ok(self.register.write(|| self.agents.lock().expect("nothing panics while it is held").clone())?)
    }

    /// Whose own a process of this lineage is; `None` if it is no agent's.
    pub fn owner(&self, lineage: Option<&Lineage>) -> Option<Owned> {
        let agents = self.agents.lock().expect("nothing panics while it is held");
        let Some(Lineage(processes)) = lineage else {
            return (!agents.is_empty()).then_some(Owned::Untold);
        };
        let found = agents.iter().find(|agent| processes.contains(&agent.process))?;
        Some(Owned::By { name: found.name.clone(), pid: found.process.pid })
    }
}

fn lives(processes: &dyn Processes, agent: &Agent) -> bool {
    processes.look(agent.process.pid).is_some_and(|sighting| sighting.started == agent.process.started)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// A process table that is written down: id → (parent, start).
    #[derive(Default)]
    struct Table(Mutex<HashMap<u32, (u32, u64)>>);

    impl Processes for Table {
        fn look(&self, pid: u32) -> Option<Sighting> {
            let (parent, started) = *self.0.lock().unwrap().get(&pid)?;
            Some(Sighting { parent, started })
        }
    }

    /// init(1) → terminal(10) → shell(11) → agent(20) → bridge(21); agent(20) → its shell(22) → command(23).
    fn machine() -> (Arc<Table>, Ancestry, tempfile::TempDir) {
        let table = Arc::new(Table::default());
        for (pid, parent) in [(1, 0), (10, 1), (11, 10), (20, 11), (21, 20), (22, 20), (23, 22)] {
            table.0.lock().unwrap().insert(pid, (parent, 100 + u64::from(pid)));
        }
        let directory = tempfile::tempdir().unwrap();
        (table.clone(), start(table, &directory), directory)
    }

    /// A hall starts on this machine.
    fn start(table: Arc<Table>, directory: &tempfile::TempDir) -> Ancestry {
        Ancestry::new(table, Register::open(&directory.path().join("agents")).unwrap())
    }

    fn owner_of(ancestry: &Ancestry, pid: u32) -> Option<Owned> {
        ancestry.owner(ancestry.lineage(pid).as_ref())
    }

    fn web() -> Option<Owned> {
        Some(Owned::By { name: "web".into(), pid: 20 })
    }

    #[test]
    fn an_agents_shell_is_its_own_and_the_terminal_it_was_started_from_is_not() {
        let (_, ancestry, _directory) = machine();
        ancestry.adopt(&ancestry.lineage(21).unwrap(), "web").unwrap();
        assert_eq!(owner_of(&ancestry, 23), web());
        assert_eq!(owner_of(&ancestry, 21), web());
        assert_eq!(owner_of(&ancestry, 20), web());
        assert_eq!(owner_of(&ancestry, 11), None);
    }

    #[test]
    fn an_id_that_is_used_again_is_somebody_else() {
        let (table, ancestry, _directory) = machine();
        ancestry.adopt(&ancestry.lineage(21).unwrap(), "web").unwrap();
        let before = ancestry.lineage(23);
        // The agent has ended; the shell of a person gets its id.
        table.0.lock().unwrap().insert(20, (10, 999));
        assert_eq!(owner_of(&ancestry, 22), None);
        assert_eq!(ancestry.owner(before.as_ref()), web(), "who connected before is still the old agent's");
    }

    #[test]
    fn who_cannot_be_told_is_refused_only_if_there_are_agents() {
        let (_, ancestry, _directory) = machine();
        assert_eq!(owner_of(&ancestry, 404), None);
        ancestry.adopt(&ancestry.lineage(21).unwrap(), "web").unwrap();
        assert_eq!(owner_of(&ancestry, 404), Some(Owned::Untold));
    }

    #[test]
    fn a_bridge_without_an_agent_stands_for_itself() {
        let (table, ancestry, _directory) = machine();
        table.0.lock().unwrap().insert(30, (1, 130));
        ancestry.adopt(&ancestry.lineage(30).unwrap(), "alone").unwrap();
        assert!(owner_of(&ancestry, 30).is_some());
        assert_eq!(owner_of(&ancestry, 11), None);
    }

    #[test]
    fn agents_that_have_ended_are_forgotten() {
        let (table, ancestry, _directory) = machine();
        ancestry.adopt(&ancestry.lineage(21).unwrap(), "web").unwrap();
        table.0.lock().unwrap().remove(&20);
        ancestry.adopt(&ancestry.lineage(11).unwrap(), "other").unwrap();
        assert_eq!(ancestry.agents.lock().unwrap().len(), 1);
    }

    #[test]
    fn a_hall_that_is_started_again_still_knows_who_lives() {
        let (table, ancestry, directory) = machine();
        ancestry.adopt(&ancestry.lineage(21).unwrap(), "web").unwrap();
        ancestry.adopt(&ancestry.lineage(11).unwrap(), "other").unwrap();
        drop(ancestry);
        // One of them has ended meanwhile, and so has the bridge of the other.
        table.0.lock().unwrap().insert(10, (1, 999));
        table.0.lock().unwrap().remove(&21);
        let ancestry = start(table.clone(), &directory);
        assert_eq!(owner_of(&ancestry, 23), web());
        assert_eq!(owner_of(&ancestry, 11), None);
        assert_eq!(ancestry.agents.lock().unwrap().len(), 1);
        // A process that cannot be told might be that agent's.
        assert_eq!(owner_of(&ancestry, 404), Some(Owned::Untold));
    }

    #[test]
    fn an_agent_that_cannot_be_written_down_is_known_and_not_let_in() {
        let (_, ancestry, directory) = machine();
        std::fs::create_dir(directory.path().join("agents.new")).unwrap();
        let refused = ancestry.adopt(&ancestry.lineage(21).unwrap(), "web").unwrap_err();
        assert!(matches!(refused, NotAdopted::NotWritten(_)), "{refused}");
        assert_eq!(owner_of(&ancestry, 23), web());
        std::fs::remove_dir(directory.path().join("agents.new")).unwrap();
        ancestry.adopt(&ancestry.lineage(21).unwrap(), "web").unwrap();
    }

    #[test]
    fn a_table_that_goes_in_circles_is_no_trap() {
        let (table, ancestry, _directory) = machine();
        table.0.lock().unwrap().insert(10, (11, 110));
        assert_eq!(ancestry.lineage(23).unwrap().0.len(), limits::ANCESTORS);
    }

    #[test]
    fn a_command_may_be_called_anything() {
        let stat = b"42 (a) b (c) S 7 42 42 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 8675309 1 1";
        assert_eq!(parse_stat(stat), Some(Sighting { parent: 7, started: 8_675_309 }));
        assert_eq!(parse_stat(b"42 (cut"), None);
        let own = Proc.look(std::process::id()).unwrap();
        assert!(own.parent > 0 && own.started > 0, "{own:?}");
    }
}
