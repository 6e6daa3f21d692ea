//! Searching: what was said is found again by its words, newest first, and a search says how far it has looked.

use std::sync::Arc;
use std::time::Duration;

use hall::search::Found;
use hall::{Entry, File, Workspace, attach};
use model::context::{Delete, Share};
use model::messages::{Priority, Send, To};
use model::questions::{Answer, Ask};
use model::roster::Membership;
use model::search::{Kind, Query};
use model::{Command, Fact, MemberId, Position, Principal, Text, Timestamp, WorkspaceName, decisions};
use store::sqlite::VIEWS_FILE;
use store::{MemoryStore, SqliteStore, Terms};

use crate::faulty::{Fault, Faulty};
use crate::scene::{BEGINNING, Scene};

async fn carry_out(scene: &Scene, command: Command) -> Arc<Entry> {
    scene.workspace.carry_out(&Principal::local(), command).await.unwrap().entries.swap_remove(0)
}

async fn say(scene: &Scene, from: &Membership, to: &str, content: &str, files: &[&str]) {
    let file =
        |name: &&str| File { name: (*name).into(), content_type: "text/plain".into(), bytes: "x".into() };
    let (attachments, blobs) = attach(files.iter().map(file).collect());
    let send = Send {
        workspace: "default".into(),
        author: from.id.clone(),
        to: To::Party(to.into()),
        reply_to: None,
        thread: None,
        content: Text::new(content),
        priority: Priority::Normal,
        ttl: None,
        attachments,
        resends: None,
        found: None,
    };
    scene.workspace.send(&Principal::local(), None, send, blobs).await.unwrap();
}

fn decide(decision: &str, rationale: Option<&str>) -> Command {
    Command::Log(decisions::Log {
        decision: Text::new(decision),
        rationale: rationale.map(Text::new),
        supersedes: None,
        author: MemberId::hall(),
    })
}

async fn search(workspace: &Workspace, query: &str) -> Found {
    workspace.search(&Query::parse(query).unwrap(), &[], None, 100).await.unwrap()
}

/// What an event says, in a few words.
fn told(entry: &Arc<Entry>) -> String {
    match entry.fact() {
        Fact::MessageSent(message) => format!("sent: {}", message.content.decode()),
        Fact::MessageDied(message) => format!("dead: {}", message.content.decode()),
        Fact::ContextShared(shared) => format!("{} = {}", shared.key, shared.value.decode()),
        Fact::QuestionAsked(question) => format!("asked: {}", question.text.decode()),
        Fact::QuestionAnswered(question) => format!("answered: {}", question.text.decode()),
        Fact::DecisionLogged(decision) => format!("decided: {}", decision.decision.decode()),
        other => panic!("nobody looks for {other:?}"),
    }
}

async fn found(scene: &Scene, query: &str) -> Vec<String> {
    search(&scene.workspace, query).await.hits.iter().map(told).collect()
}

/// A hall in which something of every kind was said.
async fn talked(scene: &Scene) {
    let (web, api) = (scene.join("web").await, scene.join("api").await);
    say(scene, &web, "api", "Which Port does the proxy use?", &["trace-42.log"]).await;
    say(scene, &api, "nobody", "The proxy is down", &[]).await;
    let share = Share {
        key: "proxy/config".into(),
        value: Text::new("listen = 8080"),
        tags: ["networking".to_owned()].into(),
        author: MemberId::hall(),
        if_version: None,
    };
    carry_out(scene, Command::Share(share)).await;
    let ask = Ask {
        text: Text::new("May I restart it?"),
        author: web.id.clone(),
        to: [].into(),
        options: ["after lunch".to_owned(), "never".to_owned()].into(),
        patience: None,
    };
    let asked = carry_out(scene, Command::Ask(ask)).await;
    let Fact::QuestionAsked(question) = asked.fact() else { panic!("{asked:?}") };
    let answer = Answer {
        question: question.id.clone(),
        answer: Text::new("Wait for the backup"),
        author: api.id.clone(),
        person: false,
        known: None,
    };
    carry_out(scene, Command::Answer(answer)).await;
    carry_out(scene, decide("Run one proxy", Some("Two share no port"))).await;
}

/// Searches after [`talked`], and what they find.
const FINDS: [(&str, &[&str]); 12] = [
    (
        "proxy",
        &[
            "decided: Run one proxy",
            "proxy/config = listen = 8080",
            "dead: The proxy is down",
            "sent: Which Port does the proxy use?",
        ],
    ),
    ("PORT", &["decided: Run one proxy", "sent: Which Port does the proxy use?"]),
    ("prox* us*", &["sent: Which Port does the proxy use?"]),
    ("\"the proxy\"", &["dead: The proxy is down", "sent: Which Port does the proxy use?"]),
    ("\"proxy the\"", &[]),
    ("trace-42", &["sent: Which Port does the proxy use?"]),
    ("8080 networking", &["proxy/config = listen = 8080"]),
    ("proxy/config", &["proxy/config = listen = 8080"]),
    ("restart", &["asked: May I restart it?"]),
    ("\"after lunch\"", &["asked: May I restart it?"]),
    ("backup", &["answered: May I restart it?"]),
    ("proxies", &[]),
];

async fn finds_it_all(scene: &Scene) {
    for (query, expected) in FINDS {
        assert_eq!(found(scene, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn what_was_sent_shared_asked_answered_and_decided_is_found() {
    let scene = Scene::new().await;
    talked(&scene).await;
    finds_it_all(&scene).await;
    let of = async |kinds: &[Kind]| {
        let query = Query::parse("proxy").unwrap();
        scene.workspace.search(&query, kinds, None, 100).await.unwrap().hits.len()
    };
    assert_eq!(of(&[Kind::Message]).await, 2);
    assert_eq!(of(&[Kind::Context, Kind::Decision]).await, 2);
    assert_eq!(of(&[Kind::Answer]).await, 0);
}

#[tokio::test]
async fn of_a_key_only_the_present_version_is_found() {
    let scene = Scene::new().await;
    scene.share("plan", "first tabs").await;
    scene.share("plan", "then spaces").await;
    scene.share("other", "tabs and spaces").await;
    assert_eq!(found(&scene, "tabs").await, ["other = tabs and spaces"]);
    assert_eq!(found(&scene, "spaces").await, ["other = tabs and spaces", "plan = then spaces"]);
    let delete = Delete { key: "plan".into(), author: MemberId::hall(), if_version: None };
    carry_out(&scene, Command::Delete(delete)).await;
    assert_eq!(found(&scene, "spaces").await, ["other = tabs and spaces"]);
}

#[tokio::test]
async fn many_hits_come_by_page_newest_first() {
    let scene = Scene::new().await;
    for n in 0..10 {
        carry_out(&scene, decide(&format!("number {n}"), None)).await;
    }
    let query = Query::parse("number").unwrap();
    let (mut pages, mut before) = (Vec::new(), None);
    loop {
        let found = scene.workspace.search(&query, &[], before, 4).await.unwrap();
        pages.push(found.hits.iter().map(told).collect::<Vec<_>>());
        before = found.next;
        if before.is_none() {
            break;
        }
        // What comes meanwhile moves nothing.
        carry_out(&scene, decide("number none", None)).await;
    }
    let page = |numbers: &[u8]| numbers.iter().map(|n| format!("decided: number {n}")).collect::<Vec<_>>();
    assert_eq!(pages, [page(&[9, 8, 7, 6]), page(&[5, 4, 3, 2]), page(&[1, 0])]);
}

#[tokio::test]
async fn a_search_that_has_looked_through_enough_says_where_to_go_on() {
    let scene = Scene::new().await;
    carry_out(&scene, decide("red green", None)).await;
    let mut submitted = Vec::new();
    for _ in 0..hall::limits::SEARCH_CANDIDATES + 10 {
        let command = decide("green red", None);
        submitted.push(scene.workspace.submit(&Principal::local(), command).await.unwrap());
    }
    for outcome in submitted {
        outcome.outcome().await.unwrap();
    }
    let query = Query::parse("\"red green\"").unwrap();
    let all = loop {
        let found = scene.workspace.search(&query, &[], None, 10).await.unwrap();
        // The index is far behind at first, and rests in between.
        if found.as_of == *scene.workspace.head().borrow() {
            break found;
        }
    };
    assert_eq!(all.hits.len(), 0, "it has not come so far");
    let rest = scene.workspace.search(&query, &[], all.next, 10).await.unwrap();
    assert_eq!(rest.hits.iter().map(told).collect::<Vec<_>>(), ["decided: red green"]);
    assert_eq!(rest.next, None);
}

#[tokio::test]
async fn a_search_says_up_to_when_it_has_looked() {
    let store = Faulty::around(MemoryStore::default());
    let scene = Scene::on(store.clone()).await;
    let now = |minutes: i64| Timestamp::from_millis(BEGINNING + minutes * 60_000);
    let none = search(&scene.workspace, "port").await;
    assert_eq!((none.as_of, none.as_of_time), (*scene.workspace.head().borrow(), now(0)));

    let first = carry_out(&scene, decide("one port", None)).await.position();
    scene.later(Duration::from_secs(60));
    let all = search(&scene.workspace, "port").await;
    assert_eq!((all.hits.len(), all.as_of, all.as_of_time), (1, first, now(1)));

    // From here on the index cannot be written.
    store.next(Fault::NoIndex);
    carry_out(&scene, decide("two ports", None)).await;
    scene.later(Duration::from_secs(60));
    let some = search(&scene.workspace, "port*").await;
    assert_eq!(some.hits.iter().map(told).collect::<Vec<_>>(), ["decided: one port"]);
    assert_eq!((some.as_of, some.as_of_time), (first, now(0)));
}

#[tokio::test]
async fn what_was_said_is_found_after_a_restart_and_with_an_index_made_anew() {
    let directory = tempfile::tempdir().unwrap();
    let open = || Arc::new(SqliteStore::open(directory.path()).unwrap());
    let scene = Scene::on(open()).await;
    talked(&scene).await;
    // Nobody has searched, so it may well be that nothing is indexed.
    let scene = scene.again().await;
    finds_it_all(&scene).await;
    scene.hall.close().await;

    let name = WorkspaceName::default_workspace();
    let head = scene.store.head(&name).await.unwrap().position;
    hall::rebuild(&*scene.store, &name).await.unwrap();
    assert_eq!(scene.store.indexed(&name).await.unwrap(), head);
    store::verify::verify(&*scene.store, &name).await.unwrap();
    let scene = Scene::on(scene.store.clone()).await;
    finds_it_all(&scene).await;
    scene.hall.close().await;
    drop(scene);

    for ending in ["", "-wal", "-shm"] {
        let file = directory.path().join(format!("{VIEWS_FILE}{ending}"));
        if file.exists() {
            std::fs::remove_file(file).unwrap();
        }
    }
    let scene = Scene::on(open()).await;
    finds_it_all(&scene).await;
    scene.hall.close().await;
}

#[tokio::test]
async fn an_index_that_is_wrong_shows_nothing_that_is_not_there() {
    let scene = Scene::new().await;
    let told_once = carry_out(&scene, decide("one port", None)).await.position();
    scene.hall.close().await;
    let name = WorkspaceName::default_workspace();
    scene.store.clear_rows(&name).await.unwrap();
    let head = scene.store.head(&name).await.unwrap().position;
    let wrong: Vec<_> =
        (1..=head.0).map(|place| Terms { place: Position(place), words: "ghost port".into() }).collect();
    assert!(scene.store.index(&name, Position::START, head, &wrong).await.unwrap());
    let scene = Scene::on(scene.store).await;
    assert_eq!(found(&scene, "ghost").await, [""; 0]);
    let hits = search(&scene.workspace, "port").await.hits;
    assert_eq!(hits.iter().map(|hit| hit.position()).collect::<Vec<_>>(), [told_once]);
}

#[tokio::test]
async fn what_one_node_wrote_is_found_on_another() {
    let store = Arc::new(MemoryStore::default());
    let seldom = Duration::from_secs(3600);
    let (here, there) = (Scene::node(store.clone(), seldom).await, Scene::node(store, seldom).await);
    let mut last = Position::START;
    for n in 0..20 {
        let (writes, reads) = if n % 2 == 0 { (&here, &there) } else { (&there, &here) };
        reads.workspace.reach(last).await.unwrap();
        writes.workspace.reach(last).await.unwrap();
        last = carry_out(writes, decide(&format!("number {n}"), None)).await.position();
        reads.workspace.reach(last).await.unwrap();
        assert_eq!(found(reads, &format!("\"number {n}\"")).await, [format!("decided: number {n}")]);
    }
    assert_eq!(found(&here, "number").await.len(), 20);
}
