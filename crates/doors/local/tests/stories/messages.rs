//! Messages, topics, reservations and what agents say to be at.

use client::Connection;
use client::protocol::{
    Agent, Call, Changed, Decide, Decision, Empty, Entry, ErrorCode, File, FileOf, Follow, Found, Inbox,
    Kind, Listing, Mail, MarkRead, Marked, Message, Messages, News, Number, Past, Priority, Release, Resend,
    Reservation, Reserve, Search, Send, Sent, SetStatus, Share, Stage, Status, Took, Topic, Wait,
};

use model::messages::To;
use model::roster::{Join, Role};
use model::{Command, Fact, Principal, Text, WorkspaceName};

use crate::place::{Place, ok, refused};

fn letter(to: &str, content: &str) -> Send {
    Send { to: Some(to.into()), content: content.into(), ..Send::default() }
}

async fn say(from: &Connection, to: &str, content: &str) -> Sent {
    ok(from, Call::Send(letter(to, content))).await
}

async fn inbox(reader: &Connection) -> Mail {
    ok(reader, Call::Inbox(Inbox::default())).await
}

async fn list(reader: &Connection, which: Messages) -> Vec<String> {
    let listing: Past = ok(reader, Call::Messages(which)).await;
    listing.items.into_iter().map(|message| message.content).collect()
}

fn contents(mail: &Mail) -> Vec<&str> {
    mail.messages.iter().map(|message| &*message.content).collect()
}

#[tokio::test]
async fn a_message_waits_until_its_reader_has_it_and_looking_changes_nothing() {
    let place = Place::of_strangers().await;
    let (web, api) = (place.agent("web").await, place.agent("api").await);
    let sent = say(&web, "api", "which port?").await;
    ok::<Sent>(&web, Call::Send(Send { priority: Priority::High, ..letter("api", "quick!") })).await;
    for _ in 0..2 {
        let mail = inbox(&api).await;
        assert_eq!(contents(&mail), ["quick!", "which port?"]);
        assert_eq!((&*mail.messages[1].from, &*mail.messages[1].to), ("web", "api"));
        assert_eq!(mail.messages[1].number, sent.number);
    }
    let own: Message = ok(&web, Call::Message(Number { message: sent.number })).await;
    assert_eq!(own.progress, Some(Default::default()), "nothing shows that it has come anywhere");

    let receipt = inbox(&api).await.receipt;
    ok::<Marked>(&api, Call::Took(Took { receipt: receipt.clone(), stage: Stage::InContext })).await;
    assert!(inbox(&api).await.messages.is_empty());
    let own: Message = ok(&web, Call::Message(Number { message: sent.number })).await;
    let progress = own.progress.unwrap();
    assert!(progress.in_context_at.is_some() && progress.read_at.is_none(), "{progress:?}");
    let again: Marked = ok(&api, Call::Took(Took { receipt, stage: Stage::InContext })).await;
    assert_eq!(again.count, 0, "saying it again is no news");

    let marked = MarkRead { messages: vec![sent.number.to_string(), sent.id.clone(), "nobody's".into()] };
    let marked: Marked = ok(&api, Call::MarkRead(marked)).await;
    assert_eq!(marked.count, 2);
    let own: Message = ok(&web, Call::Message(Number { message: sent.number })).await;
    assert!(own.progress.unwrap().read_at.is_some());
}

#[tokio::test]
async fn an_answer_goes_to_whoever_wrote_and_stands_in_the_thread() {
    let place = Place::of_strangers().await;
    let (web, api, owner) = (place.agent("web").await, place.agent("api").await, place.owner().await);
    let first = say(&web, "api", "which port?").await;
    let answer = Send { content: "7420".into(), reply_to: Some(first.number), ..Send::default() };
    let second: Sent = ok(&api, Call::Send(answer)).await;
    assert_eq!(second.to, "web");
    let third = Send { reply_to: Some(second.number), ..letter("person:owner", "it is 7420") };
    ok::<Sent>(&web, Call::Send(third)).await;
    for number in [first.number, second.number] {
        let thread = Messages { thread: Some(number), ..Messages::default() };
        assert_eq!(list(&api, thread).await, ["which port?", "7420", "it is 7420"]);
    }
    let mail = inbox(&owner).await;
    assert_eq!((contents(&mail), mail.messages[0].thread), (vec!["it is 7420"], Some(first.number)));
    let answer =
        Send { content: "thanks".into(), reply_to: Some(mail.messages[0].number), ..Send::default() };
    ok::<Sent>(&owner, Call::Send(answer)).await;
    assert_eq!(inbox(&web).await.messages[1].from, "person:owner");
    let with = |name: &str| Messages { with: Some(name.into()), ..Messages::default() };
    assert_eq!(list(&web, with("api")).await, ["which port?", "7420"]);
    assert_eq!(
        list(&web, Messages { sent: true, ..Messages::default() }).await,
        ["which port?", "it is 7420"]
    );
    assert_eq!(list(&web, Messages::default()).await, ["7420", "thanks"]);
    let last = Messages { limit: Some(1), before: Some(second.number + 1), ..Messages::default() };
    assert_eq!(list(&web, last).await, ["7420"]);

    let (code, _) = refused(&api, Call::Send(Send { reply_to: Some(1), ..letter("web", "?") })).await;
    assert_eq!(code, ErrorCode::NotFound, "a joining is no message");
    let (code, _) = refused(&api, Call::Send(Send { content: "?".into(), ..Send::default() })).await;
    assert_eq!(code, ErrorCode::BadRequest);
}

#[tokio::test]
async fn a_thread_is_shown_without_what_is_between_others() {
    let place = Place::of_strangers().await;
    let ci = place.agent("ci").await;
    let workspace = place.hall.workspace(&WorkspaceName::default_workspace()).unwrap();
    let join = |name: &str| {
        Command::Join(Join {
            workspace: "default".into(),
            name: name.into(),
            role: Role::Target,
            repo_path: "/repo".into(),
            door: "test",
            instance: None,
            held_by: None,
        })
    };
    let (by, mut members) = (Principal::compat(), Vec::new());
    for name in ["one", "other"] {
        let done = workspace.carry_out(&by, join(name)).await.unwrap();
        let Fact::MemberJoined(member) = done.entries[0].fact() else { panic!("{done:?}") };
        members.push(member.id.clone());
    }
    let write = |author: usize, to: &str, reply_to| {
        Command::Send(model::messages::Send {
            workspace: "default".into(),
            author: members[author].clone(),
            to: To::parse(to),
            reply_to,
            thread: None,
            content: Text::new(to),
            priority: model::messages::Priority::Normal,
            ttl: None,
            attachments: [].into(),
            resends: None,
            found: None,
        })
    };
    let began = workspace.carry_out(&by, write(0, "other", None)).await.unwrap().position;
    let drawn_in = workspace.carry_out(&by, write(1, "ci", Some(began))).await.unwrap().position;
    let thread = Messages { thread: Some(drawn_in.0), ..Messages::default() };
    assert_eq!(list(&ci, thread.clone()).await, ["ci"], "its beginning was between two others");
    assert_eq!(list(&place.owner().await, thread).await, ["other", "ci"]);
}

#[tokio::test]
async fn a_message_to_nobody_known_is_an_error_and_a_dead_letter_that_can_be_sent_again() {
    let place = Place::of_strangers().await;
    let (web, api) = (place.agent("web").await, place.agent("api").await);
    let (code, message) = refused(&web, Call::Send(letter("apl", "which port?"))).await;
    assert_eq!(code, ErrorCode::NotFound);
    assert!(message.contains("nobody is known as \"apl\"; here are api, web"), "{message}");
    let dead: Past = ok(&web, Call::Messages(Messages { dead: true, ..Messages::default() })).await;
    let [dead] = &dead.items[..] else { panic!("{dead:?}") };
    assert!(dead.dead && message.contains(&format!("dead letter {}", dead.number)), "{message}");

    let again = |to: &str| Call::Resend(Resend { message: dead.number, to: Some(to.into()), once: None });
    let (code, _) = refused(&api, again("api")).await;
    assert_eq!(code, ErrorCode::Forbidden, "these are another's words");
    ok::<Sent>(&place.owner().await, again("api")).await;
    assert_eq!(inbox(&api).await.messages[0].from, "person:owner", "the owner passes on what it may read");
    ok::<Sent>(&web, again("api")).await;
    assert_eq!(contents(&inbox(&api).await), ["which port?", "which port?"]);
}

#[tokio::test]
async fn a_topic_reaches_those_who_follow_it_and_broadcast_everybody_else() {
    let place = Place::of_strangers().await;
    let (web, api, ci) = (place.agent("web").await, place.agent("api").await, place.agent("ci").await);
    say(&web, "topic:builds", "before anybody followed").await;
    let follow = |on| Call::Follow(Follow { topic: "builds".into(), follow: on });
    assert!(ok::<Changed>(&api, follow(true)).await.success);
    assert!(!ok::<Changed>(&api, follow(true)).await.success);
    say(&ci, "topic:builds", "green").await;
    say(&ci, "broadcast", "lunch").await;
    assert_eq!(contents(&inbox(&api).await), ["green", "lunch"]);
    assert_eq!(contents(&inbox(&web).await), ["lunch"]);
    assert!(inbox(&ci).await.messages.is_empty(), "nobody is told what they have said");
    let Listing { items: topics, more }: Listing<Topic> = ok(&api, Call::Topics(Empty {})).await;
    assert!(!more && topics.is_sorted_by_key(|topic| !topic.followed), "{topics:?}");
    let builds = topics.iter().find(|topic| topic.name == "builds").unwrap();
    assert!(builds.followed && builds.followers == 1 && builds.last_at.is_some(), "{builds:?}");
    assert!(topics.iter().any(|topic| topic.name == "broadcast" && topic.followers == 3));
    let topic = Messages { topic: Some("builds".into()), ..Messages::default() };
    assert_eq!(list(&web, topic).await, ["before anybody followed", "green"]);
    assert!(ok::<Changed>(&api, follow(false)).await.success);
    say(&ci, "topic:builds", "red").await;
    assert_eq!(contents(&inbox(&api).await), ["lunch"], "what is not followed any more waits no longer");
}

#[tokio::test]
async fn files_go_with_messages_and_come_out_as_they_went_in() {
    let place = Place::of_strangers().await;
    let (web, api) = (place.agent("web").await, place.agent("api").await);
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let files = vec![
        File::new("plan.bin", "application/octet-stream", &bytes),
        File::new("a.txt", "text/plain", b"a"),
    ];
    let sent: Sent = ok(&web, Call::Send(Send { files, ..letter("api", "the plan") })).await;
    let mail = inbox(&api).await;
    let names: Vec<_> = mail.messages[0].files.iter().map(|file| (&*file.name, file.bytes)).collect();
    assert_eq!(names, [("plan.bin", 100_000), ("a.txt", 1)]);
    let of = |name: &str| Call::File(FileOf { message: sent.number, name: name.into() });
    let file: File = ok(&api, of("plan.bin")).await;
    assert_eq!((file.bytes().unwrap(), &*file.content_type), (bytes, "application/octet-stream"));
    assert_eq!(refused(&api, of("b.txt")).await.0, ErrorCode::NotFound);

    let bad = |file| Call::Send(Send { files: vec![file], ..letter("api", "?") });
    let garbled = File { base64: "?".into(), ..File::new("a", "b", b"") };
    assert_eq!(refused(&web, bad(garbled)).await.0, ErrorCode::BadRequest);
    assert_eq!(refused(&web, bad(File::new("", "text/plain", b"a"))).await.0, ErrorCode::BadRequest);
    let large = File::new("large", "text/plain", &vec![0; 8 * 1024 * 1024 + 1]);
    assert_eq!(refused(&web, bad(large)).await.0, ErrorCode::TooLarge);
    assert_eq!(inbox(&api).await.messages.len(), 1);
}

#[tokio::test]
async fn whoever_waits_hears_of_a_message_and_whoever_looks_hears_how_many_there_are() {
    let place = Place::of_strangers().await;
    let (web, api) = (place.agent("web").await, place.agent("api").await);
    let start: News = ok(&api, Call::Wait(Wait { wait_seconds: 0, after: None })).await;
    let (heard, _) = tokio::join!(
        ok::<News>(&api, Call::Wait(Wait { wait_seconds: 10, after: Some(start.position) })),
        say(&web, "api", "hello")
    );
    assert_eq!(heard.messages.iter().map(|message| &*message.content).collect::<Vec<_>>(), ["hello"]);
    let now: News = ok(&api, Call::Wait(Wait { wait_seconds: 10, after: None })).await;
    assert_eq!(now.waiting, 1);
    assert_eq!(ok::<Status>(&api, Call::Status(Empty {})).await.messages, 1);
    let receipt = inbox(&api).await.receipt;
    ok::<Marked>(&api, Call::Took(Took { receipt, stage: Stage::Read })).await;
    let again: News = ok(&api, Call::Wait(Wait { wait_seconds: 0, after: Some(start.position) })).await;
    assert!(again.is_empty(), "what is read is no news: {again:?}");
    let (code, _) =
        refused(&api, Call::Took(Took { receipt: vec![(1, 2); 3_000], stage: Stage::Read })).await;
    assert_eq!(code, ErrorCode::BadRequest);
    ok::<Marked>(&api, Call::Took(Took { receipt: vec![(1, u64::MAX)], stage: Stage::Read })).await;
    say(&web, "api", "later").await;
    assert_eq!(contents(&inbox(&api).await), ["later"], "nobody has read what is not written yet");
}

#[tokio::test]
async fn files_are_reserved_by_one_or_shared_and_a_conflict_names_who_holds_them() {
    let place = Place::of_strangers().await;
    let (web, api) = (place.agent("web").await, place.agent("api").await);
    let reserve = |glob: &str, shared| {
        let files = vec![glob.into()];
        Call::Reserve(Reserve { files, shared, why: Some("tidying".into()), ttl_seconds: 600, once: None })
    };
    let first: Reservation = ok(&web, reserve("src/**", false)).await;
    let (code, message) = refused(&api, reserve("src/main.rs", true)).await;
    assert_eq!(code, ErrorCode::Conflict);
    assert!(message.contains(&format!("src/** is reserved by web until {}", first.until)), "{message}");
    let renewed: Reservation = ok(&web, reserve("src/**", false)).await;
    assert!(renewed.id == first.id && renewed.fence > first.fence);
    let listed: Vec<Reservation> = ok(&api, Call::Reservations(Empty {})).await;
    assert!(listed.len() == 1 && !listed[0].mine && listed[0].holder == "web", "{listed:?}");
    let release = |id: Option<String>| Call::Release(Release { id });
    assert_eq!(refused(&api, release(Some(first.id))).await.0, ErrorCode::Forbidden);
    assert_eq!(ok::<Marked>(&web, release(None)).await.count, 1);
    ok::<Reservation>(&api, reserve("src/main.rs", false)).await;
    assert_eq!(refused(&api, reserve("../etc", false)).await.0, ErrorCode::BadRequest);
}

#[tokio::test]
async fn the_roster_shows_what_an_agent_says_to_be_at_as_long_as_it_is_here() {
    let place = Place::of_strangers().await;
    let (web, api) = (place.agent("web").await, place.agent("api").await);
    let said = SetStatus { status: Some("reviewing".into()), description: Some("the parser".into()) };
    let agent: Agent = ok(&web, Call::SetStatus(said)).await;
    assert_eq!(agent.saying.unwrap().status, "reviewing");
    let saying = async || {
        let agents: Vec<Agent> = ok(&api, Call::Agents(Empty {})).await;
        agents.into_iter().find(|agent| agent.name == "web").and_then(|agent| agent.saying)
    };
    assert_eq!(saying().await.unwrap().description.as_deref(), Some("the parser"));
    ok::<Agent>(&web, Call::SetStatus(SetStatus::default())).await;
    assert_eq!(saying().await, None);
    let person = place.somebody().await;
    let (code, _) = refused(&person, Call::SetStatus(SetStatus::default())).await;
    assert_eq!(code, ErrorCode::Forbidden);
}

#[tokio::test]
async fn what_was_said_shared_asked_and_decided_is_found_by_its_words() {
    let place = Place::of_strangers().await;
    let (web, api) = (place.agent("web").await, place.agent("api").await);
    say(&web, "api", "The port is 7420, says the gate-keeper").await;
    let share =
        Share { key: "ports".into(), value: "7420".into(), tags: vec![], if_version: None, once: None };
    ok::<Entry>(&web, Call::Share(share)).await;
    let decide =
        Decide { decision: "Port 7420 for all".into(), rationale: None, supersedes: None, once: None };
    ok::<Decision>(&api, Call::Decide(decide)).await;
    let search = |query: &str| Call::Search(Search { query: query.into(), ..Search::default() });
    let found = async |query: &str| {
        let found: Found = ok(&api, search(query)).await;
        assert!(found.complete, "{query}: {found:?}");
        found.hits.into_iter().map(|hit| (hit.kind, hit.by)).collect::<Vec<_>>()
    };
    let (web, api_) = ("web".to_owned(), "api".to_owned());
    let all = [(Kind::Decision, api_.clone()), (Kind::Context, web.clone()), (Kind::Message, web.clone())];
    assert_eq!(found("7420").await, all);
    assert_eq!(found("port 7420").await, [(Kind::Decision, api_), (Kind::Message, web.clone())]);
    assert_eq!(found("PORT*").await.len(), 3);
    assert_eq!(found("\"gate keeper\"").await, [(Kind::Message, web.clone())]);
    assert_eq!(found("gate-keeper port").await, [(Kind::Message, web)]);
    assert_eq!(found("\"keeper gate\"").await, []);
    let page = Search { query: "7420".into(), limit: Some(2), ..Search::default() };
    let first: Found = ok(&api, Call::Search(page.clone())).await;
    assert!(first.hits.len() == 2 && first.next.is_some());
    let second: Found = ok(&api, Call::Search(Search { before: first.next, ..page })).await;
    assert_eq!(second.hits.iter().map(|hit| hit.kind).collect::<Vec<_>>(), [Kind::Message]);
    for nothing in ["", " - ", "\"\""] {
        assert_eq!(refused(&api, search(nothing)).await.0, ErrorCode::BadRequest, "{nothing:?}");
    }
}

#[tokio::test]
async fn whoever_leaves_is_gone_at_once() {
    let place = Place::of_strangers().await;
    let (web, api) = (place.agent("web").await, place.agent("api").await);
    assert!(ok::<Changed>(&web, Call::Leave(Empty {})).await.success);
    assert_eq!(place.present(), ["api"]);
    assert!(!ok::<Changed>(&place.somebody().await, Call::Leave(Empty {})).await.success);
    say(&api, "web", "it is still known").await;
}

#[tokio::test]
async fn a_message_to_a_topic_tells_for_how_many_it_is_and_with_how_many_it_has_come_how_far() {
    let place = Place::of_strangers().await;
    let (web, api, ci) = (place.agent("web").await, place.agent("api").await, place.agent("ci").await);
    let sent = say(&web, "topic:biuld", "green").await;
    assert_eq!(sent.readers, Some(0), "nobody follows it");
    let sent = say(&web, "broadcast", "lunch").await;
    assert_eq!(sent.readers, Some(2));
    let receipt = inbox(&api).await.receipt;
    ok::<Marked>(&api, Call::Took(Took { receipt, stage: Stage::InContext })).await;
    ok::<Changed>(&api, Call::Leave(Empty {})).await;
    ok::<Changed>(&ci, Call::Leave(Empty {})).await;
    let own: Message = ok(&web, Call::Message(Number { message: sent.number })).await;
    let readers = own.progress.as_ref().unwrap().readers.unwrap();
    assert_eq!(
        (readers.all, readers.delivered, readers.in_context, readers.read),
        (2, 1, 1, 0),
        "here or away"
    );
    assert!(own.progress.unwrap().in_words().starts_with("in context with 1 of 2"));
}
