//! The stored form of every kind of event, as it was when logs were first kept and as it is now. What is in
//! `golden/log-v1.jsonl` is in somebody's database: it must go on opening. What is in `golden/log-v2.jsonl` must also be
//! written the same.
//!
//! A new kind is added to the end of [`every_kind`], and the newest file made again with `GUILDHALL_BLESS=1`; a diff that
//! changes a line which was there before is a broken promise. A new version of a kind begins a new file.

#![allow(clippy::unwrap_used, reason = "clippy allows it in test functions, but not in what they call")]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use guildhall_model::codec::{self, KINDS};
use guildhall_model::context::{ContextEntry, ContextRead, Deletion};
use guildhall_model::decisions::Decision;
use guildhall_model::directory::{Grant, Token, TokenRevoked, WorkspaceOpened};
use guildhall_model::event::Unknown;
use guildhall_model::mailboxes::{Following, Stage, Taken};
use guildhall_model::messages::{Attachment, Message, Party, Priority, Recipient};
use guildhall_model::questions::{Answered, OnTimeout, Patience, Question, Status};
use guildhall_model::reservations::{Released, Reservation};
use guildhall_model::roster::{Departure, Membership, Reason, Role};
use guildhall_model::statuses;
use guildhall_model::{
    Address, AgentId, CommandId, Event, Fact, MemberId, Position, Principal, Recorded, State, Text,
    Timestamp, WorkspaceName,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

/// One line of the file.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    header: &'a RawValue,
    #[serde(borrow)]
    body: &'a RawValue,
}

fn id<T: From<Uuid>>(number: u128) -> T {
    Uuid::from_u128(0x1d00_0000_0000_4000_8000_0000_0000_0000 | number).into()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_767_225_600_000 + seconds * 1_000)
}

fn member() -> Arc<Membership> {
    Arc::new(Membership {
        id: id(1),
        agent: AgentId::of("default", "web"),
        name: "web".into(),
        principal: Principal::local(),
        role: Role::Target,
        repo_path: "/home/ada/shop \u{1f6d2}".into(),
        door: "trpc".into(),
        instance: None,
        connected_at: at(1),
    })
}

fn entry(version: u64, previous: Option<Position>) -> Arc<ContextEntry> {
    // A lone surrogate, as a JavaScript client can send one.
    let value: Text = serde_json::from_str(r#""{\"tables\": [\"user\"], \"cut\": \"\ud83d\"}""#).unwrap();
    Arc::new(ContextEntry {
        id: id(3),
        key: "schema/users".into(),
        value,
        tags: ["db".to_owned(), "ä".to_owned()].into(),
        created_by: id(1),
        created_at: at(3),
        updated_by: id(2),
        updated_at: at(4),
        version,
        previous,
    })
}

fn question(number: u128, patience: Option<OnTimeout>, status: Status) -> Arc<Question> {
    let to = ["web", "role:source", "person:ada", "person", "1d000000-0000-4000-8000-000000000001"];
    Arc::new(Question {
        id: id(number),
        text: Text::new("Tabs,\nor \"spaces\"?"),
        from: id(1),
        from_name: "web".into(),
        to: to.map(|address| Address::parse(address).unwrap()).into(),
        to_member: Some(id(2)),
        options: ["tabs".to_owned(), "spaces".to_owned()].into(),
        asked_at: at(6),
        patience: patience.map(|then| Patience { wait_ms: 60_000, deadline: at(66), then }),
        status,
    })
}

fn decision(supersedes: Option<u128>, rationale: Option<&str>) -> Fact {
    Fact::DecisionLogged(Arc::new(Decision {
        id: id(20),
        decision: Text::new("We use tabs."),
        rationale: rationale.map(Text::new),
        supersedes: supersedes.map(id),
        by: id(1),
        at: at(12),
    }))
}

fn token(workspaces: &[&str], grant: Grant, expires_at: Option<Timestamp>) -> Fact {
    Fact::TokenIssued(Arc::new(Token {
        id: id(30),
        principal: Principal::parse("token-1").unwrap(),
        grant,
        workspaces: workspaces.iter().map(|name| WorkspaceName::parse(name).unwrap()).collect(),
        digest: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".into(),
        issued_at: at(14),
        expires_at,
    }))
}

fn party(name: &str) -> Party {
    Party { id: AgentId::of("default", name), name: name.into() }
}

fn message(to: Recipient) -> Arc<Message> {
    Arc::new(Message {
        id: id(40),
        from: party("web"),
        through: id(1),
        to,
        thread: Some(Position(9)),
        content: serde_json::from_str(r#""cut \ud83d""#).unwrap(),
        priority: Priority::High,
        attachments: [Attachment {
            name: "plan.md".into(),
            content_type: "text/markdown".into(),
            digest: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".into(),
            bytes: 0,
        }]
        .into(),
        sent_at: at(15),
        expires_at: Some(at(75)),
        resends: Some(id(38)),
    })
}

fn reservation() -> Arc<Reservation> {
    Arc::new(Reservation {
        id: id(50),
        holder: party("web"),
        globs: ["src/**".into()].into(),
        shared: false,
        why: Some("tidying up".into()),
        fence: 1,
        since: at(20),
        until: at(80),
    })
}

/// Every kind of event, and those of their forms that are written differently: first those of [`FIRST_LOG`], then those
/// that came later.
fn every_kind() -> Vec<Event> {
    let pending = |turn| Status::Pending { turn };
    let answered = |by: MemberId| {
        let answer = Text::new("tabs");
        Status::Answered(Answered { answer, by, by_name: "api".into(), at: at(8) })
    };
    let deletion =
        Deletion { id: id(3), key: "schema/users".into(), by: id(2), version: 3, previous: Position(6) };
    let read = ContextRead { agent: AgentId::of("default", "web"), key: "schema/users".into(), version: 1 };
    let facts = [
        Fact::MemberJoined(member()),
        Fact::MemberLeft(Arc::new(Departure { member: member(), reason: Reason::Lapsed })),
        Fact::MemberReturned(member()),
        Fact::MemberLeft(Arc::new(Departure { member: member(), reason: Reason::Left })),
        Fact::ContextShared(entry(1, None)),
        Fact::ContextShared(entry(2, Some(Position(5)))),
        Fact::ContextRead(Arc::new(read)),
        Fact::ContextDeleted(Arc::new(deletion)),
        Fact::QuestionAsked(question(10, None, pending(0))),
        Fact::QuestionAnswered(question(10, None, answered(id(2)))),
        Fact::QuestionAsked(question(11, Some(OnTimeout::Next), pending(0))),
        Fact::QuestionPassed(question(11, Some(OnTimeout::Next), pending(1))),
        Fact::QuestionFailed(question(11, Some(OnTimeout::Next), Status::Failed { at: at(90) })),
        Fact::QuestionAsked(question(12, Some(OnTimeout::Default(Text::new("tabs"))), pending(0))),
        Fact::QuestionAnswered(question(
            12,
            Some(OnTimeout::Default(Text::new("tabs"))),
            answered(MemberId::hall()),
        )),
        Fact::QuestionAsked(question(13, Some(OnTimeout::Human), pending(0))),
        Fact::QuestionAsked(question(14, Some(OnTimeout::Fail), pending(0))),
        decision(None, None),
        decision(Some(20), Some("Everybody's editor can.")),
        Fact::WorkspaceOpened(Arc::new(WorkspaceOpened { name: WorkspaceName::parse("team-1").unwrap() })),
        token(&[], Grant::Owner, None),
        token(&["team-1"], Grant::Agent, Some(at(3_600))),
        Fact::TokenRevoked(Arc::new(TokenRevoked { id: id(30) })),
        Fact::MessageSent(message(Recipient::Party(party("api")))),
        Fact::MessageSent(Arc::new(Message {
            to: Recipient::Topic("broadcast".into()),
            thread: None,
            priority: Priority::Normal,
            attachments: [].into(),
            expires_at: None,
            ..Arc::unwrap_or_clone(message(Recipient::Unknown("".into())))
        })),
        Fact::MessageDied(message(Recipient::Unknown("nobody".into()))),
        Fact::MessagesTaken(Arc::new(Taken {
            reader: party("api"),
            stage: Stage::InContext,
            evidence: "a later call".into(),
            ranges: [(Position(1), Position(24)), (Position(26), Position(26))].into(),
            senders: [party("web").id].into(),
        })),
        Fact::TopicFollowed(Arc::new(Following { reader: party("web"), topic: "news".into() })),
        Fact::TopicLeft(Arc::new(Following { reader: party("web"), topic: "news".into() })),
        Fact::FilesReserved(reservation()),
        Fact::FilesReleased(Arc::new(Released { reservation: reservation() })),
        Fact::MemberJoined(Arc::new(Membership {
            instance: Some("0b8d".into()),
            ..Arc::unwrap_or_clone(member())
        })),
        Fact::StatusSet(Arc::new(statuses::Status {
            agent: party("web"),
            status: Some("reviewing".into()),
            description: Some("the parser".into()),
            since: at(60),
        })),
        Fact::StatusSet(Arc::new(statuses::Status {
            agent: party("web"),
            status: None,
            description: None,
            since: at(61),
        })),
    ];
    let event = |(number, fact)| Event {
        at: at(number as i64),
        by: Principal::compat(),
        command: id(0x100 + number as u128),
        fact,
    };
    facts.into_iter().enumerate().map(event).collect()
}

/// How many lines the log of the first version has.
const FIRST_LOG: usize = 23;

fn golden(name: &str) -> String {
    fs::read_to_string(manifest_directory().join("golden").join(name)).unwrap()
}

/// The stored header and body of an event.
fn encoded(event: &Event) -> (String, String) {
    let encoded = codec::encode(event);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(encoded.header()), text(encoded.body()))
}

/// The log of the present version.
fn newest() -> String {
    if std::env::var_os("GUILDHALL_BLESS").is_some() {
        let line = |event: &Event| {
            let (header, body) = encoded(event);
            format!("{{\"header\":{header},\"body\":{body}}}\n")
        };
        let path = manifest_directory().join("golden/log-v2.jsonl");
        fs::write(path, every_kind().iter().map(line).collect::<String>()).unwrap();
    }
    golden("log-v2.jsonl")
}

fn lines(log: &str) -> Vec<Line<'_>> {
    log.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn decode(line: &Line<'_>) -> Event {
    codec::decode(line.header.get().as_bytes(), line.body.get().as_bytes()).unwrap()
}

#[test]
fn a_log_of_the_first_version_opens() {
    let events: Vec<Event> = lines(&golden("log-v1.jsonl")).iter().map(decode).collect();
    assert_eq!(events, every_kind()[..FIRST_LOG]);
}

#[test]
fn a_log_of_the_present_version_opens_and_is_written_the_same() {
    let log = newest();
    let events: Vec<Event> = lines(&log).iter().map(decode).collect();
    assert_eq!(events, every_kind());
    for (event, line) in events.iter().zip(lines(&log)) {
        let (header, body) = encoded(event);
        assert_eq!((&*header, &*body), (line.header.get(), line.body.get()));
    }
}

#[test]
fn every_kind_is_in_it() {
    let log = newest();
    #[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
    struct Kind {
        kind: String,
        v: u8,
    }
    let there: BTreeSet<Kind> =
        lines(&log).iter().map(|line| serde_json::from_str(line.header.get()).unwrap()).collect();
    for (kind, v) in KINDS {
        assert!(there.contains(&Kind { kind: (*kind).to_owned(), v: *v }), "no line shows {kind} {v}");
    }
}

#[test]
fn the_first_log_makes_the_state_it_made() {
    let mut state = State::default();
    for (number, line) in (1..).zip(lines(&golden("log-v1.jsonl"))) {
        state.apply(&Recorded { position: Position(number), event: decode(&line) });
    }
    assert_eq!(state.roster.members().len(), 0);
    assert_eq!(state.context.get("schema/users"), None);
    assert_eq!(state.context.newest_change("schema/users"), Some(Position(8)));
    let open: Vec<_> = state.questions.open().map(|question| question.id.clone()).collect();
    assert_eq!(open, [id(13), id(14)]);
    assert_eq!(state.directory.workspaces().len(), 1);
    assert_eq!(state.directory.tokens().count(), 0);
    assert_eq!(state.at(), at(22));
}

#[test]
fn what_a_newer_guildhall_wrote_is_kept_and_passed_over() {
    let header = |kind: &str, v: u8| {
        let command: CommandId = id(1);
        format!(r#"{{"kind":"{kind}","v":{v},"at":5,"by":"local","cmd":"{command}"}}"#)
    };
    for (kind, version) in [("moon.landed", 1), ("decision.logged", 200)] {
        let (header, body) = (header(kind, version), r#"{"by" : "eagle", "steps": 1 }"#);
        let event = codec::decode(header.as_bytes(), body.as_bytes()).unwrap();
        let kept = Unknown { kind: kind.to_owned(), version, body: body.into() };
        assert_eq!(event.fact, Fact::Unknown(Arc::new(kept)));
        assert_eq!(encoded(&event), (header, body.into()));
        let mut state = State::default();
        state.apply(&Recorded { position: Position(1), event });
        assert_eq!((state.position(), state.at().as_millis()), (Position(1), 5));
        assert_eq!(state.roster, State::default().roster);
    }
}

/// This crate's directory, as cargo says when it runs this. What was told when it was compiled may be another checkout's,
/// if both share a target directory.
fn manifest_directory() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}
