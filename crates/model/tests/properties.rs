//! What holds for any commands in any order: a few names, keys and ids, so that they meet.

#![allow(clippy::unwrap_used, reason = "clippy allows it in test functions, but not in what they call")]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use guildhall_model::context::{Delete, Read, Share};
use guildhall_model::decisions::Log;
use guildhall_model::directory::{Grant, IssueToken, OpenWorkspace, RevokeToken};
use guildhall_model::effect::{Effect, effects};
use guildhall_model::mailboxes::{Follow, Stage, Take};
use guildhall_model::messages::{Party, Priority, Send, To};
use guildhall_model::questions::{Answer, Ask, OnTimeout, Question, TimeOut};
use guildhall_model::reservations::{Release, Reserve};
use guildhall_model::roster::{Join, Leave, Membership, Reason, Role};
use guildhall_model::{
    Address, AgentId, Command, Event, Fact, MemberId, Position, Principal, Proposal, QuestionId, Recorded,
    Refusal, State, Text, Timestamp, WorkspaceName, codec,
};
use proptest::prelude::*;
use uuid::Uuid;

const NAMES: [&str; 3] = ["web", "api", "ops"];
const KEYS: [&str; 3] = ["plan", "schema", "a\0b"];

fn id<T: From<Uuid>>(number: usize) -> T {
    Uuid::from_u128(0x1d00_0000_0000_4000_8000_0000_0000_0000 | number as u128).into()
}

// --- any command ---

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&NAMES)
}

fn key() -> impl Strategy<Value = Arc<str>> {
    prop::sample::select(&KEYS).prop_map(Arc::from)
}

/// Something an earlier command made, or nothing.
fn made<T: From<Uuid> + std::fmt::Debug>() -> impl Strategy<Value = T> {
    (0usize..24).prop_map(id)
}

fn text() -> impl Strategy<Value = Text> {
    "[a-z\"\\\\ä]{0,12}".prop_map(|text| Text::new(&text))
}

fn version() -> impl Strategy<Value = Option<u64>> {
    prop::option::weighted(0.3, 0u64..4)
}

fn address() -> impl Strategy<Value = Address> {
    prop_oneof![
        made().prop_map(Address::Member),
        name().prop_map(|name| Address::Agent(name.into())),
        Just(Address::Role("source".into())),
        Just(Address::Person("ada".into())),
        Just(Address::AnyPerson),
    ]
}

/// A membership of which only the id counts: the rest comes from the read model, see [`House::informed`].
fn membership() -> impl Strategy<Value = Arc<Membership>> {
    made().prop_map(|id| {
        Arc::new(Membership {
            id,
            agent: AgentId::of("default", ""),
            name: "".into(),
            principal: Principal::hall(),
            role: Role::Source,
            repo_path: "/".into(),
            door: "mcp".into(),
            instance: Some("first".into()),
            connected_at: Timestamp::from_millis(1),
        })
    })
}

fn patience() -> impl Strategy<Value = Option<(Duration, OnTimeout)>> {
    let then = prop_oneof![
        text().prop_map(OnTimeout::Default),
        Just(OnTimeout::Next),
        Just(OnTimeout::Human),
        Just(OnTimeout::Fail),
    ];
    prop::option::weighted(0.7, (0u64..300, then))
        .prop_map(|given| given.map(|(wait, then)| (Duration::from_millis(wait), then)))
}

fn party() -> impl Strategy<Value = Party> {
    name().prop_map(|name| Party { id: AgentId::of("default", name), name: name.into() })
}

/// What has to do with messages and reservations.
fn correspondence() -> impl Strategy<Value = Command> {
    let to = prop_oneof![
        name().prop_map(|name| To::Party(name.into())),
        prop::sample::select(vec!["broadcast", "news"]).prop_map(|topic| To::Topic(topic.into())),
    ];
    let ttl = prop::option::of((0u64..300).prop_map(Duration::from_millis));
    let send = (made(), to, text(), ttl).prop_map(|(author, to, content, ttl)| {
        Command::Send(Send {
            workspace: "default".into(),
            author,
            to,
            reply_to: None,
            thread: None,
            content,
            priority: Priority::Normal,
            ttl,
            attachments: [].into(),
            resends: None,
            found: None,
        })
    });
    let stage = prop::sample::select(vec![Stage::Delivered, Stage::InContext, Stage::Read]);
    let range = (1u64..20, 0u64..6).prop_map(|(from, more)| (Position(from), Position(from + more)));
    let take = (party(), stage, prop::collection::vec(range, 0..3)).prop_map(|(reader, stage, ranges)| {
        let senders = [reader.id.clone()].into();
        Command::Take(Take { reader, stage, evidence: "it said so", ranges: ranges.into(), senders })
    });
    let follow = (party(), any::<bool>())
        .prop_map(|(reader, on)| Command::Follow(Follow { reader, topic: "news".into(), on }));
    let glob = prop::sample::select(vec!["src/**", "src/a.rs", "docs/*", "../x"]);
    let reserve = (party(), glob, any::<bool>(), 0u64..300).prop_map(|(holder, glob, shared, ttl)| {
        let (globs, ttl) = ([glob.into()].into(), Duration::from_millis(ttl));
        Command::Reserve(Reserve { holder, globs, shared, why: None, ttl })
    });
    let release =
        (party(), made()).prop_map(|(holder, reservation)| Command::Release(Release { holder, reservation }));
    prop_oneof![3 => send, 3 => take, 1 => follow, 2 => reserve, 1 => release]
}

fn command() -> impl Strategy<Value = Command> {
    let join = name().prop_map(|name| {
        Command::Join(Join {
            workspace: "default".into(),
            name: name.into(),
            role: Role::Target,
            repo_path: "/".into(),
            door: "trpc",
            instance: None,
            held_by: None,
        })
    });
    let leave = (made(), prop::sample::select(vec![Reason::Left, Reason::Lapsed]))
        .prop_map(|(member, reason)| Command::Leave(Leave { member, reason }));
    let share = (key(), text(), made(), version()).prop_map(|(key, value, author, if_version)| {
        Command::Share(Share { key, value, tags: ["t".to_owned()].into(), author, if_version })
    });
    let delete = (key(), made(), version())
        .prop_map(|(key, author, if_version)| Command::Delete(Delete { key, author, if_version }));
    let read = (name(), key(), 0u64..5).prop_map(|(name, key, version)| {
        Command::Read(Read { agent: AgentId::of("default", name), key, version })
    });
    let ask = (text(), made(), prop::collection::vec(address(), 0..4), patience()).prop_map(
        |(text, author, to, patience)| {
            Command::Ask(Ask { text, author, to: to.into(), options: [].into(), patience })
        },
    );
    let answer = (made(), text(), made()).prop_map(|(question, answer, author)| {
        Command::Answer(Answer { question, answer, author, person: false, known: None })
    });
    let log = (text(), prop::option::of(text()), made()).prop_map(|(decision, rationale, author)| {
        Command::Log(Log { decision, rationale, supersedes: None, author })
    });
    let workspace = || name().prop_map(|name| WorkspaceName::parse(name).unwrap());
    let issue = (prop::collection::vec(workspace(), 0..2), 0u32..3, prop::option::of(0i64..2_000)).prop_map(
        |(workspaces, secret, expires)| {
            Command::IssueToken(IssueToken {
                principal: None,
                grant: Grant::Member,
                workspaces: workspaces.into(),
                digest: format!("{secret}").into(),
                expires_at: expires.map(Timestamp::from_millis),
            })
        },
    );
    prop_oneof![
        3 => join,
        1 => membership().prop_map(Command::Return),
        2 => leave,
        4 => share,
        2 => delete,
        2 => read,
        4 => ask,
        3 => answer,
        3 => made().prop_map(|question| Command::TimeOut(TimeOut { question })),
        1 => log,
        8 => correspondence(),
        1 => workspace().prop_map(|name| Command::OpenWorkspace(OpenWorkspace { name })),
        1 => issue,
        1 => made().prop_map(|id| Command::RevokeToken(RevokeToken { id })),
    ]
}

/// Commands at times that also go back, each with the id of its place in the list, from `first` on.
fn proposals(first: usize) -> impl Strategy<Value = Vec<Proposal>> {
    let by = prop::sample::select(vec![Principal::local(), Principal::compat()]);
    prop::collection::vec((command(), 0i64..1_000, by), 1..24).prop_map(move |given| {
        let proposal = |(number, (command, at, by))| Proposal {
            id: id(first + number),
            at: Timestamp::from_millis(at),
            by,
            command,
        };
        given.into_iter().enumerate().map(proposal).collect()
    })
}

// --- what a hall does with them ---

/// A log with its state, and the read models of questions and members.
#[derive(Clone, Default)]
struct House {
    log: Vec<Recorded>,
    state: State,
    questions: HashMap<QuestionId, Arc<Question>>,
    members: HashMap<MemberId, Arc<Membership>>,
}

impl House {
    /// Adds what the hall looks up before it proposes; `None` for what it does not propose at all.
    fn informed(&self, proposal: &Proposal) -> Option<Proposal> {
        let mut proposal = proposal.clone();
        match &mut proposal.command {
            Command::Answer(answer) => answer.known = self.questions.get(&answer.question).cloned(),
            Command::Join(join) => {
                let holder = self.members.values().find(|member| member.name == join.name);
                join.held_by = holder.map(|member| member.principal.clone());
            }
            Command::Send(send) => {
                let To::Party(name) = &send.to else { return Some(proposal) };
                let member = self.members.values().find(|member| member.name == *name);
                send.found =
                    member.map(|member| Party { id: member.agent.clone(), name: member.name.clone() });
            }
            Command::Return(member) => *member = self.members.get(&member.id)?.clone(),
            _ => {}
        }
        Some(proposal)
    }

    fn decide(&self, proposal: &Proposal) -> Result<Vec<Event>, Refusal> {
        self.informed(proposal).map_or(Ok(vec![]), |informed| self.state.decide(&informed))
    }

    fn append(&mut self, events: Vec<Event>) {
        for event in events {
            let recorded = Recorded { position: self.state.position().next(), event };
            self.apply(&recorded);
            self.log.push(recorded);
        }
    }

    fn apply(&mut self, recorded: &Recorded) {
        self.state.apply(recorded);
        if let Some(question) = question(&recorded.event.fact) {
            self.questions.insert(question.id.clone(), question.clone());
        }
        if let Fact::MemberJoined(member) = &recorded.event.fact {
            self.members.insert(member.id.clone(), member.clone());
        }
    }

    fn propose(&mut self, proposal: &Proposal) {
        if let Ok(events) = self.decide(proposal) {
            self.append(events);
        }
    }

    fn of(proposals: &[Proposal]) -> Self {
        let mut house = Self::default();
        proposals.iter().for_each(|proposal| house.propose(proposal));
        house
    }
}

fn question(fact: &Fact) -> Option<&Arc<Question>> {
    match fact {
        Fact::QuestionAsked(question)
        | Fact::QuestionAnswered(question)
        | Fact::QuestionPassed(question)
        | Fact::QuestionFailed(question) => Some(question),
        _ => None,
    }
}

/// All that can be seen of a state, with its order, which the equality of maps leaves out.
fn seen(state: &State) -> String {
    let stale: Vec<Vec<_>> =
        NAMES.map(|name| state.context.stale_reads(&AgentId::of("default", name)).collect()).into();
    format!(
        "{:?}",
        (
            (state.position(), state.at()),
            state.roster.members().collect::<Vec<_>>(),
            state.context.entries().collect::<Vec<_>>(),
            KEYS.map(|key| state.context.newest_change(key)),
            stale,
            state.questions.open().collect::<Vec<_>>(),
            (&state.mailboxes, &state.reservations),
            state.directory.workspaces().collect::<Vec<_>>(),
            state.directory.tokens().collect::<Vec<_>>(),
        )
    )
}

fn same(left: &State, right: &State) {
    assert_eq!(left, right);
    assert_eq!(seen(left), seen(right));
}

// --- what must hold of any log ---

fn check_log(house: &House) {
    let mut last = Timestamp::default();
    for (expected, recorded) in (1..).zip(&house.log) {
        assert_eq!(recorded.position, Position(expected));
        assert!(recorded.event.at >= last, "time went back");
        last = recorded.event.at;
    }
    check_context(house);
    check_questions(house);
    check_roster(house);
}

/// Versions count by one, deletions included; each names the place of the one before; an id lasts until a deletion.
fn check_context(house: &House) {
    let mut chains: HashMap<Arc<str>, (u64, Position, Option<String>)> = HashMap::new();
    for recorded in &house.log {
        let (key, version, previous, id, deleted) = match &recorded.event.fact {
            Fact::ContextShared(entry) => {
                (&entry.key, entry.version, entry.previous, entry.id.to_string(), false)
            }
            Fact::ContextDeleted(gone) => {
                (&gone.key, gone.version, Some(gone.previous), gone.id.to_string(), true)
            }
            _ => continue,
        };
        let before = chains.get(key);
        assert_eq!(version, before.map_or(0, |(version, ..)| *version) + 1);
        assert_eq!(previous, before.map(|(_, position, _)| *position));
        if let Some((_, _, Some(lasting))) = before {
            assert_eq!(&id, lasting);
        }
        chains.insert(key.clone(), (version, recorded.position, (!deleted).then_some(id)));
    }
    for key in KEYS {
        assert_eq!(house.state.context.newest_change(key), chains.get(key).map(|(_, position, _)| *position));
        let alive = chains.get(key).filter(|(_, _, id)| id.is_some()).map(|(version, ..)| *version);
        assert_eq!(house.state.context.get(key).map(|current| current.version), alive);
    }
}

/// Open are those that were asked and neither answered nor given up, and each that will not wait for ever has its job.
fn check_questions(house: &House) {
    let mut waiting = BTreeMap::new();
    let mut jobs = BTreeMap::new();
    for fact in house.log.iter().map(|recorded| &recorded.event.fact) {
        if let Some(question) = question(fact) {
            if matches!(fact, Fact::QuestionAsked(_)) {
                assert!(!waiting.contains_key(&question.id), "asked twice");
            }
            if question.is_pending() {
                waiting.insert(question.id.clone(), question.clone());
            } else {
                waiting.remove(&question.id);
            }
        }
        for effect in effects(fact) {
            match effect {
                Effect::Schedule { key, due, .. } => drop(jobs.insert(key, due)),
                Effect::Cancel { key } => drop(jobs.remove(&key)),
            }
        }
    }
    let open: BTreeMap<_, _> = house.state.questions.open().map(|q| (q.id.clone(), q.clone())).collect();
    assert_eq!(open, waiting);
    let deadlines: BTreeMap<_, _> = open
        .values()
        .filter_map(|q| Some((format!("question/{}", q.id), q.patience.as_ref()?.deadline)))
        .collect();
    assert_eq!(jobs, deadlines);
}

/// Present are those who came and have not gone; nobody comes twice, or goes who was not there; a name that is here
/// belongs to one principal.
fn check_roster(house: &House) {
    let mut present = BTreeMap::new();
    for fact in house.log.iter().map(|recorded| &recorded.event.fact) {
        match fact {
            Fact::MemberJoined(member) | Fact::MemberReturned(member) => {
                let holder = present.values().find(|other: &&Arc<Membership>| other.name == member.name);
                assert!(holder.is_none_or(|holder| holder.principal == member.principal));
                assert!(present.insert(member.id.clone(), member.clone()).is_none());
            }
            Fact::MemberLeft(gone) => assert_eq!(present.remove(&gone.member.id), Some(gone.member.clone())),
            _ => {}
        }
    }
    let here: BTreeMap<_, _> = house.state.roster.members().map(|m| (m.id.clone(), m.clone())).collect();
    assert_eq!(here, present);
}

// --- two writers ---

/// Decides on what it knows, appends if that is still all there is, and otherwise reads on and decides again.
struct Writer<'a> {
    known: House,
    left: std::slice::Iter<'a, Proposal>,
    deciding: Option<&'a Proposal>,
    decided: Option<(Position, Vec<Event>)>,
}

impl<'a> Writer<'a> {
    fn new(proposals: &'a [Proposal]) -> Self {
        let mut left = proposals.iter();
        let deciding = left.next();
        Self { known: House::default(), left, deciding, decided: None }
    }

    fn step(&mut self, log: &mut Vec<Recorded>) {
        let Some(proposal) = self.deciding else { return };
        let Some((expected, events)) = self.decided.take() else {
            let events = self.known.decide(proposal).unwrap_or_default();
            self.decided = Some((self.known.state.position(), events));
            return;
        };
        if expected.0 as usize == log.len() {
            for event in events {
                log.push(Recorded { position: Position(log.len() as u64 + 1), event });
            }
            self.deciding = self.left.next();
        }
        self.catch_up(log);
    }

    fn catch_up(&mut self, log: &[Recorded]) {
        let from = self.known.state.position().0 as usize;
        for recorded in &log[from..] {
            self.known.apply(recorded);
            self.known.log.push(recorded.clone());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_commands_make_a_log_that_holds_together(proposals in proposals(0)) {
        let mut house = House::default();
        for proposal in &proposals {
            let before = house.state.clone();
            let decided = house.decide(proposal);
            prop_assert_eq!(&decided, &house.decide(proposal), "deciding is not pure");
            same(&before, &house.state);
            if let Ok(events) = decided {
                for event in &events {
                    prop_assert_eq!(&event.command, &proposal.id);
                    prop_assert_eq!(&event.by, &proposal.by);
                    prop_assert!(event.at >= proposal.at);
                }
                house.append(events);
            }
            check_log(&house);
        }
    }

    #[test]
    fn replaying_the_stored_log_gives_the_same_state(proposals in proposals(0)) {
        let house = House::of(&proposals);
        let mut replayed = State::default();
        for recorded in &house.log {
            let stored = codec::encode(&recorded.event);
            let event = codec::decode(stored.header(), stored.body()).unwrap();
            prop_assert_eq!(&event, &recorded.event);
            replayed.apply(&Recorded { position: recorded.position, event });
        }
        same(&house.state, &replayed);
    }

    #[test]
    fn a_state_from_a_snapshot_goes_on_like_the_one_that_was_kept(
        proposals in proposals(0),
        at in any::<prop::sample::Index>(),
    ) {
        let (before, after) = proposals.split_at(at.index(proposals.len()));
        let mut house = House::of(before);
        let kept = serde_json::to_vec(&house.state).unwrap();
        let mut restored = House { state: serde_json::from_slice(&kept).unwrap(), ..house.clone() };
        same(&house.state, &restored.state);
        for proposal in after {
            house.propose(proposal);
            restored.propose(proposal);
        }
        prop_assert_eq!(&house.log, &restored.log);
        same(&house.state, &restored.state);
    }

    #[test]
    fn two_writers_end_in_the_state_of_the_one_log(
        (ours, theirs) in (proposals(0), proposals(12)).prop_map(|(mut ours, theirs)| {
            ours.truncate(12);
            (ours, theirs)
        }),
        schedule in prop::collection::vec(any::<bool>(), 64),
    ) {
        let mut log = Vec::new();
        let mut writers = [Writer::new(&ours), Writer::new(&theirs)];
        let turns = schedule.into_iter().chain([true, false].into_iter().cycle());
        for turn in turns {
            writers[usize::from(turn)].step(&mut log);
            if writers.iter().all(|writer| writer.deciding.is_none()) {
                break;
            }
        }
        let mut commands = HashSet::new();
        for events in log.chunk_by(|one, next| one.event.command == next.event.command) {
            prop_assert!(commands.insert(events[0].event.command.clone()), "a command came twice");
        }
        let mut merged = House::default();
        for recorded in &log {
            merged.apply(recorded);
            merged.log.push(recorded.clone());
        }
        check_log(&merged);
        for mut writer in writers {
            writer.catch_up(&log);
            same(&writer.known.state, &merged.state);
        }
    }
}
